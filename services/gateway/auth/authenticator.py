"""Authenticates devices before their handshake is answered, in batches.

What is read tells a charger's pairing, too: what it sends after its 101 was sent in it.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec
from pydantic import SecretStr
from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.auth.credentials import Mode, Verdict, decide
from services.gateway.known_pairing import KnownPairing, read_pairing
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
_PATIENCE_SECONDS: Final = 0.25
"""How long a charger's handshake waits for its pairing alone, where no secrets are asked for."""
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

    def on_auth_result(self, *, admitted: bool, pairing: KnownPairing | None = None) -> None:
        """Take the result, and the device's pairing if that is known."""

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
    """``off``: all are admitted, and soon; only their pairings are read."""
    key: SecretStr
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._requests: list[_Request] = []
        self._impatient: deque[tuple[float, PendingHandshake]] = deque()
        self._wake = asyncio.Event()
        self._failure_log = RateLimitedLog(_log, "credentials cannot be read")

    def authenticate_charger(
        self, handshake: PendingHandshake, device_id: str, secret: SecretStr
    ) -> None:
        """Authenticate a charger soon."""
        self._put_back([_Request(handshake, device_id, secret, self.names.of_charger(device_id))])
        if self.mode == "off":
            loop = asyncio.get_running_loop()
            self._impatient.append((loop.time() + _PATIENCE_SECONDS, handshake))
            if len(self._impatient) == 1:
                loop.call_later(_PATIENCE_SECONDS, self._admit_impatient)

    def authenticate_widget(
        self, handshake: PendingHandshake, device_id: str, secret: SecretStr
    ) -> None:
        """Authenticate a widget soon."""
        self._put_back([_Request(handshake, device_id, secret, self.names.of_widget(device_id))])

    def _admit_impatient(self) -> None:
        """Admit those that have waited for long enough."""
        loop = asyncio.get_running_loop()
        while self._impatient:
            deadline, handshake = self._impatient[0]
            if deadline > loop.time():
                loop.call_at(deadline, self._admit_impatient)
                return
            self._impatient.popleft()
            if handshake.is_pending:
                handshake.on_auth_result(admitted=True)

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
                self._put_back(self._deferred(requests))
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    def _deferred(self, requests: list[_Request]) -> list[_Request]:
        """Tell these that there is no result yet; return those that wait for one."""
        for request in requests:
            if self.mode == "off":
                request.handshake.on_auth_result(admitted=True)
            else:
                request.handshake.on_auth_deferred()
        return [] if self.mode == "off" else requests

    def _defer(self, requests: list[_Request]) -> None:
        """Retry these after a moment; others do not wait for them."""
        requests = self._deferred(requests)
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
            facts = zip(found[::3], found[1::3], found[2::3], strict=True)
            for request, (registration, credentials, told) in zip(batch, facts, strict=True):
                match self._verdict(request, registration, credentials, complete=bool(complete)):
                    case Verdict.WAIT:
                        deferred.append(request)
                    case verdict:
                        request.handshake.on_auth_result(
                            admitted=verdict is Verdict.ADMIT, pairing=read_pairing(told)
                        )
        return deferred

    def _verdict(
        self, request: _Request, registration: bytes, credentials: bytes, *, complete: bool
    ) -> Verdict:
        if self.mode == "off":
            return Verdict.ADMIT
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
