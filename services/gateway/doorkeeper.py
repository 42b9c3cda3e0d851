"""Checks credentials before a handshake is answered, in batches."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from services.gateway import scripts
from services.gateway.credentials import Judgement, Mode, judge
from shared.backoff import Backoff
from shared.batches import by_slot
from shared.bus.bus import Bus
from shared.bus.link import BusUnavailableError
from shared.bus.script import Call
from shared.credentials import Credentials
from shared.names import ChargerNames, Names, WidgetNames, partition_of

_RETRY_SECONDS: Final = 0.5

_decode_credentials = msgspec.json.Decoder(Credentials).decode


class Applicant(Protocol):
    """A connection whose handshake waits for a judgement."""

    @property
    def is_shaking_hands(self) -> bool:
        """Whether it still waits."""

    def judged(self, *, admitted: bool) -> None:
        """Take the judgement."""


class _Application(NamedTuple):
    applicant: Applicant
    device_id: str
    secret: str
    names: ChargerNames | WidgetNames


class Doorkeeper:
    """Judges handshakes by the credentials in the directory.

    Args:
        bus: For the script.
        names: Names in Redis.
        mode: ``optional`` or ``required``.
        key: What the digests are made with.
        rng: Jitter of the retries.
    """

    def __init__(self, bus: Bus, names: Names, *, mode: Mode, key: str, rng: random.Random) -> None:
        self._bus = bus
        self._names = names
        self._mode = mode
        self._key = key
        self._backoff = Backoff(0.05, 0.5, rng)
        self._applications: list[_Application] = []
        self._wake = asyncio.Event()

    def charger(self, applicant: Applicant, device_id: str, secret: str) -> None:
        """Judge a charger soon."""
        self._apply(applicant, device_id, secret, self._names.chargers)

    def widget(self, applicant: Applicant, device_id: str, secret: str) -> None:
        """Judge a widget soon."""
        self._apply(applicant, device_id, secret, self._names.widgets)

    def _apply(
        self,
        applicant: Applicant,
        device_id: str,
        secret: str,
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
                undecided = await self._judge(waiting)
            except BusUnavailableError:
                self._again(waiting)
                await asyncio.sleep(self._backoff.delay())
                continue
            self._backoff.reset()
            if undecided:
                await asyncio.sleep(_RETRY_SECONDS)
                self._again(undecided)

    def _again(self, applications: list[_Application]) -> None:
        self._applications += applications
        self._wake.set()

    async def _judge(self, waiting: list[_Application]) -> list[_Application]:
        """Judge applications; return those that can not be judged yet."""
        batches = [batch for _, batch in by_slot(waiting, lambda one: one.names.directory)]
        if not batches:
            return []
        replies = await self._bus.run([_vouching(batch) for batch in batches])
        undecided: list[_Application] = []
        for batch, answers in zip(batches, replies, strict=True):
            pairs = zip(answers[::2], answers[1::2], strict=True)
            for one, (registration, credentials) in zip(batch, pairs, strict=True):
                known = _decode_credentials(credentials).digests if credentials else []
                match self._judgement(one, registration.decode(), known):
                    case Judgement.WAIT:
                        undecided.append(one)
                    case judgement:
                        one.applicant.judged(admitted=judgement is Judgement.ADMIT)
        return undecided

    def _judgement(self, one: _Application, registration: str, known: list[str]) -> Judgement:
        return judge(
            self._mode,
            registration,
            known,
            key=self._key,
            device_id=one.device_id,
            secret=one.secret,
        )


def _vouching(batch: list[_Application]) -> Call:
    names = batch[0].names
    keys = (names.directory, names.directory_version, names.credentials)
    return Call(scripts.VOUCH, keys, [one.device_id for one in batch])


Ask = Callable[[Applicant, str, str], None]
"""`Doorkeeper.charger` or `Doorkeeper.widget`."""
