"""Authenticates devices before their handshake is answered, in batches."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec
from pydantic import SecretStr
from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.auth.credentials import Mode, Verdict, decide
from shared.bus.batches import by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Call
from shared.contract.credentials import Credentials
from shared.contract.names import ChargerNames, Names, WidgetNames
from shared.contract.tolerant_json import tolerant_decoder
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_RETRY_SECONDS: Final = 0.5
_MOST_PER_BATCH: Final = 250
"""Most handshakes per batch: readings and statuses must not wait for a crowd."""
_NO_CREDENTIALS: Final = msgspec.json.encode(
    Credentials(number=1, registered=10**15, digests=["0" * 64])
)
"""Decoded where there are none: it takes as long as decoding a device's credentials."""

_decode_credentials = tolerant_decoder(Credentials)

Authenticate = Callable[["PendingHandshake", str, SecretStr], None]
"""Authenticates a handshake soon, by a device's id and the secret that it presented."""


class PendingHandshake(Protocol):
    """A handshake that waits for authentication."""

    @property
    def is_pending(self) -> bool:
        """Whether it still waits."""

    def on_auth_result(self, *, admitted: bool) -> None:
        """Take the result."""

    def on_auth_deferred(self) -> None:
        """There is no result yet: wait on, or give up."""


class _Request(NamedTuple):
    handshake: PendingHandshake
    device_id: str
    secret: SecretStr
    names: ChargerNames | WidgetNames


@dataclass(eq=False, repr=False)
class Authenticator:
    """Decides on handshakes by the credentials in the directory."""

    bus: Bus
    """One that no reading waits for."""
    names: Names
    mode: Mode
    """``optional`` or ``required``."""
    key: SecretStr
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._requests: list[_Request] = []
        self._wake = asyncio.Event()
        self._failure_log = RateLimitedLog(_log, "credentials cannot be read")

    def authenticate_charger(
        self, handshake: PendingHandshake, device_id: str, secret: SecretStr
    ) -> None:
        """Authenticate a charger soon."""
        self._put_back([_Request(handshake, device_id, secret, self.names.of_charger(device_id))])

    def authenticate_widget(
        self, handshake: PendingHandshake, device_id: str, secret: SecretStr
    ) -> None:
        """Authenticate a widget soon."""
        self._put_back([_Request(handshake, device_id, secret, self.names.of_widget(device_id))])

    def _put_back(self, requests: list[_Request]) -> None:
        self._requests += requests
        self._wake.set()

    async def run(self) -> None:
        """Authenticate until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            requests, self._requests = self._requests, []
            # Handshakes whose deadline has passed are dropped.
            requests = [request for request in requests if request.handshake.is_pending]
            try:
                while requests:
                    self._defer(await self._authenticate(requests[:_MOST_PER_BATCH]))
                    del requests[:_MOST_PER_BATCH]
                    await asyncio.sleep(0)  # readings and statuses come in between
            except BusUnavailableError:
                for request in requests:
                    request.handshake.on_auth_deferred()
                self._put_back(requests)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    def _defer(self, requests: list[_Request]) -> None:
        """Retry these after a moment; others do not wait for them."""
        for request in requests:
            request.handshake.on_auth_deferred()
        if requests:
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._put_back, requests)

    async def _authenticate(self, requests: list[_Request]) -> list[_Request]:
        """Decide on requests; return those that cannot be decided on yet."""
        batches = [batch for _, batch in by_slot(requests, lambda request: request.names.directory)]
        if not batches:
            return []
        role, *_ = await self.bus.command("ROLE")
        if role != b"master":
            # Demoted while we were connected: it still answers reads, but a secret that
            # was replaced since would still be good.
            await self.bus.drop_connection("it is a replica")
        replies = await self.bus.run(
            [_authenticate_call(batch) for batch in batches], return_errors=True
        )
        deferred: list[_Request] = []
        for batch, answers in zip(batches, replies, strict=True):
            if isinstance(answers, ResponseError):
                # A key of another type: only this tag's devices are not admitted.
                self._failure_log.log(answers)
                deferred += batch
                continue
            complete, *found = answers
            pairs = zip(found[::2], found[1::2], strict=True)
            for request, (registration, credentials) in zip(batch, pairs, strict=True):
                match self._verdict(request, registration, credentials, complete=bool(complete)):
                    case Verdict.WAIT:
                        deferred.append(request)
                    case verdict:
                        request.handshake.on_auth_result(admitted=verdict is Verdict.ADMIT)
        return deferred

    def _verdict(
        self, request: _Request, registration: bytes, credentials: bytes, *, complete: bool
    ) -> Verdict:
        found = _decode_credentials(credentials or _NO_CREDENTIALS)
        # Anything can be written with redis-cli; only ASCII can be compared.
        if found is None or not all(map(str.isascii, found.digests)):
            key = request.names.credentials
            self._failure_log.log(f"those of {request.device_id} ({key}) are broken")
            return Verdict.WAIT
        return decide(
            self.mode,
            registration.decode(),
            found.digests,
            complete=complete,
            key=self.key,
            device_id=request.device_id,
            secret=request.secret,
        )


def _authenticate_call(batch: list[_Request]) -> Call:
    names = batch[0].names
    keys = (names.directory, names.directory_version, names.credentials)
    return Call(scripts.AUTHENTICATE, keys, [request.device_id for request in batch])
