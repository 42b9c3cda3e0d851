"""Checks credentials before a handshake is answered, in batches."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
from pydantic import SecretStr
from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.auth.credentials import Judgement, Mode, judge
from shared.bus.batches import by_slot
from shared.bus.bus import Bus
from shared.bus.connection import BusUnavailableError
from shared.bus.script import Call
from shared.contract.credentials import Credentials
from shared.contract.names import ChargerNames, Names, WidgetNames, partition_of
from shared.contract.tolerant_json import tolerant_decoder
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_RETRY_SECONDS: Final = 0.5
_AT_ONCE: Final = 250
"""Most judged in one go: whoever is connected already must not wait for a crowd."""
_NOBODYS: Final = msgspec.json.encode(Credentials(number=1, registered=10**15, digests=["0" * 64]))
"""Read where there is nothing: it takes as long as reading a device's credentials."""

_decode_credentials = tolerant_decoder(Credentials)


class PendingHandshake(Protocol):
    """A connection whose handshake waits for a judgement."""

    @property
    def is_shaking_hands(self) -> bool:
        """Whether it still waits."""

    def judged(self, *, admitted: bool) -> None:
        """Take the judgement."""

    def undecided(self) -> None:
        """Take that there is no judgement yet: wait on, or give up."""


class _Application(NamedTuple):
    applicant: PendingHandshake
    device_id: str
    secret: SecretStr
    names: ChargerNames | WidgetNames


class Authenticator:
    """Judges handshakes by the credentials in the directory.

    Args:
        bus: One that no reading waits for.
        names: Names in Redis.
        mode: ``optional`` or ``required``.
        key: What the digests are made with.
        rng: Jitter of the retries.
    """

    def __init__(
        self, bus: Bus, names: Names, *, mode: Mode, key: SecretStr, rng: random.Random
    ) -> None:
        self._bus = bus
        self._names = names
        self._mode = mode
        self._key = key
        self._backoff = Backoff(0.05, 0.5, rng)
        self._applications: list[_Application] = []
        self._wake = asyncio.Event()
        self._complaint = RateLimitedLog(_log, "credentials can not be read")

    def charger(self, applicant: PendingHandshake, device_id: str, secret: SecretStr) -> None:
        """Judge a charger soon."""
        self._apply(applicant, device_id, secret, self._names.chargers)

    def widget(self, applicant: PendingHandshake, device_id: str, secret: SecretStr) -> None:
        """Judge a widget soon."""
        self._apply(applicant, device_id, secret, self._names.widgets)

    def _apply(
        self,
        applicant: PendingHandshake,
        device_id: str,
        secret: SecretStr,
        tags: Sequence[ChargerNames] | Sequence[WidgetNames],
    ) -> None:
        names = tags[partition_of(device_id, self._names.partitions)]
        self._applications.append(_Application(applicant, device_id, secret, names))
        self._wake.set()

    async def run(self) -> None:
        """Judge applications until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._applications = self._applications, []
            # Those that gave up are dropped: their handshake's deadline has passed.
            waiting = [one for one in waiting if one.applicant.is_shaking_hands]
            try:
                while waiting:
                    self._again_later(await self._judge(waiting[:_AT_ONCE]))
                    del waiting[:_AT_ONCE]
                    await asyncio.sleep(0)  # readings and statuses come in between
            except BusUnavailableError:
                for one in waiting:
                    one.applicant.undecided()
                self._again(waiting)
                await asyncio.sleep(self._backoff.delay())
            else:
                self._backoff.reset()

    def _again(self, applications: list[_Application]) -> None:
        self._applications += applications
        self._wake.set()

    def _again_later(self, undecided: list[_Application]) -> None:
        """Judge some again after a moment; nobody else waits for them."""
        for one in undecided:
            one.applicant.undecided()
        if undecided:
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._again, undecided)

    async def _judge(self, waiting: list[_Application]) -> list[_Application]:
        """Judge applications; return those that can not be judged yet."""
        batches = [batch for _, batch in by_slot(waiting, lambda one: one.names.directory)]
        if not batches:
            return []
        role, *_ = await self._bus.command("ROLE")
        if role != b"master":
            # Demoted while we were connected: reading goes on working there, but a
            # secret that was replaced since would still be good.
            await self._bus.distrust("it is a replica")
        replies = await self._bus.run_each([_vouching(batch) for batch in batches])
        undecided: list[_Application] = []
        for batch, answers in zip(batches, replies, strict=True):
            if isinstance(answers, ResponseError):
                # A key that somebody made into something else: nobody is let in, and
                # nobody else suffers from it.
                self._complaint.log(answers)
                undecided += batch
                continue
            complete, *found = answers
            pairs = zip(found[::2], found[1::2], strict=True)
            for one, (registration, credentials) in zip(batch, pairs, strict=True):
                known = self._digests_of(one, credentials)
                match self._judgement(one, registration.decode(), known, complete=bool(complete)):
                    case Judgement.WAIT:
                        undecided.append(one)
                    case judgement:
                        one.applicant.judged(admitted=judgement is Judgement.ADMIT)
        return undecided

    def _digests_of(self, one: _Application, credentials: bytes) -> list[str] | None:
        """Return the digests of a device's secrets, or None if they can not be read."""
        found = _decode_credentials(credentials or _NOBODYS)
        # Anybody with redis-cli can write anything; only ASCII can be compared.
        if found is None or not all(map(str.isascii, found.digests)):
            self._complaint.log(f"those of {one.device_id} ({one.names.credentials}) are broken")
            return None
        return found.digests

    def _judgement(
        self, one: _Application, registration: str, known: list[str] | None, *, complete: bool
    ) -> Judgement:
        if known is None:
            return Judgement.WAIT
        return judge(
            self._mode,
            registration,
            known,
            complete=complete,
            key=self._key,
            device_id=one.device_id,
            secret=one.secret,
        )


def _vouching(batch: list[_Application]) -> Call:
    names = batch[0].names
    keys = (names.directory, names.directory_version, names.credentials)
    return Call(scripts.AUTHENTICATE, keys, [one.device_id for one in batch])


Ask = Callable[[PendingHandshake, str, SecretStr], None]
"""`Authenticator.charger` or `Authenticator.widget`."""
