"""Authenticates devices before their handshake is answered, in batches.

What is read tells a charger's pairing, too: what it sends after its 101 was sent in it.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import msgspec
from pydantic import SecretStr
from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.auth.certificates import CertificateOf, owner_of
from services.gateway.auth.credentials import Mode, Presented, Proof, Verdict, decide
from services.gateway.known_pairing import KnownPairing, read_pairing
from shared.bus.batches import by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Call
from shared.contract.credentials import Credentials, digest_of
from shared.contract.devices import Kind
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

Authenticate = Callable[["PendingHandshake", str, Presented], None]
"""Authenticates a handshake soon, by a device's id and what it presented."""


class PendingHandshake(Protocol):
    """A handshake that waits for authentication."""

    @property
    def is_pending(self) -> bool:
        """Whether it still waits."""

    def on_auth_result(
        self,
        *,
        admitted: bool,
        registered: bool = False,
        pairing: KnownPairing | None = None,
        proof: Proof | None = None,
    ) -> None:
        """Take the result, and what is known: whether it is registered, its pairing, its proof."""

    def on_auth_deferred(self) -> None:
        """There is no result yet: wait on, or give up."""


class _Request(NamedTuple):
    handshake: PendingHandshake
    device_id: str
    secret: SecretStr
    certificate: CertificateOf
    names: ChargerNames | WidgetNames


@dataclass(eq=False, repr=False)
class Authenticator:
    """Decides on handshakes by the credentials in the directory."""

    bus: Bus
    """One that no reading waits for."""
    names: Names
    mode: Mode
    """``off``: all are admitted, and soon; only their pairings are read."""
    keys: Sequence[SecretStr]
    """Of the digests: the present one, and maybe a former one."""
    rng: random.Random
    has_ca_per_kind: bool = False
    """Whether a certificate's CA tells of which kind its device is."""
    wall_clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._requests: list[_Request] = []
        self._impatient: deque[tuple[float, PendingHandshake]] = deque()
        self._wake = asyncio.Event()
        self._failure_log = RateLimitedLog(_log, "credentials cannot be read")

    def authenticate_charger(
        self, handshake: PendingHandshake, device_id: str, presented: Presented
    ) -> None:
        """Authenticate a charger soon."""
        names = self.names.of_charger(device_id)
        self._put_back([self._request(handshake, Kind.CHARGER, device_id, presented, names)])
        if self.mode == "off":
            loop = asyncio.get_running_loop()
            self._impatient.append((loop.time() + _PATIENCE_SECONDS, handshake))
            if len(self._impatient) == 1:
                loop.call_later(_PATIENCE_SECONDS, self._admit_impatient)

    def authenticate_widget(
        self, handshake: PendingHandshake, device_id: str, presented: Presented
    ) -> None:
        """Authenticate a widget soon."""
        names = self.names.of_widget(device_id)
        self._put_back([self._request(handshake, Kind.WIDGET, device_id, presented, names)])

    def _request(
        self,
        handshake: PendingHandshake,
        kind: Kind,
        device_id: str,
        presented: Presented,
        names: ChargerNames | WidgetNames,
    ) -> _Request:
        owner = owner_of(
            presented.certificate,
            kind,
            device_id,
            has_ca_per_kind=self.has_ca_per_kind,
            now=self.wall_clock(),
        )
        return _Request(handshake, device_id, presented.secret, owner, names)

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
        # Where all are admitted, a timer does it; a connection that Redis closed is soon replaced.
        if self.mode != "off":
            for request in requests:
                request.handshake.on_auth_deferred()
        return requests

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
            [
                authenticate_call(batch[0].names, [request.device_id for request in batch])
                for batch in batches
            ],
            return_errors=True,
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
                verdict, proof = self._verdict(
                    request, registration, credentials, complete=bool(complete)
                )
                if verdict is Verdict.WAIT:
                    deferred.append(request)
                else:
                    request.handshake.on_auth_result(
                        admitted=verdict is Verdict.ADMIT,
                        registered=registration == b"registered",
                        pairing=read_pairing(told),
                        proof=proof,
                    )
        return deferred

    def _verdict(
        self, request: _Request, registration: bytes, credentials: bytes, *, complete: bool
    ) -> tuple[Verdict, Proof | None]:
        if self.mode == "off":
            return Verdict.ADMIT, None
        found = _decode_credentials(credentials or _NO_CREDENTIALS)
        # Anything can be written with redis-cli; only ASCII can be compared.
        if found is None or not all(map(str.isascii, found.digests)):
            key = request.names.credentials
            self._failure_log.log(f"those of {request.device_id} ({key}) are broken")
            return Verdict.WAIT, None
        digests = self._digests_of(request)
        verdict = decide(
            self.mode,
            registration.decode(),
            found.digests,
            auth=found.auth,
            certificate=request.certificate,
            complete=complete,
            digests=digests,
        )
        if verdict is not Verdict.ADMIT or request.certificate is not CertificateOf.NOBODY:
            return verdict, None
        proved = () if set(digests).isdisjoint(found.digests) else digests
        return verdict, Proof(request.device_id, request.names, found.number, proved)

    def _digests_of(self, request: _Request) -> tuple[str, ...]:
        secret = request.secret.get_secret_value()
        return tuple(
            digest_of(key.get_secret_value(), request.device_id, secret) for key in self.keys
        )


def authenticate_call(names: ChargerNames | WidgetNames, ids: Sequence[str]) -> Call:
    """Build the call that reads registrations, credentials and pairings of one tag's devices."""
    keys = (names.directory, names.directory_version, names.credentials)
    return Call(scripts.AUTHENTICATE, keys, list(ids))
