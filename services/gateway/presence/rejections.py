"""The last rejection of each device, which tells why its light does not change.

Noting one costs a dictionary entry, so a flood of bad frames stays cheap. Once a second
the newest of each device goes to Redis, in batches.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec
from redis.exceptions import ResponseError

from services.gateway import metrics, scripts
from services.gateway.presence.refused_handshakes import RefusedHandshakes
from services.gateway.presence.writing import write_each_second
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.names import ChargerNames, Names, WidgetNames
from shared.contract.presence import RejectionCode
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_MICROSECONDS: Final = 1_000_000
_MOST_DEVICES: Final = 10_000
"""Most devices whose rejections are kept until they are written; others are dropped."""


class _Noted(NamedTuple):
    code: RejectionCode
    message: str
    at: float


class _Item(NamedTuple):
    names: ChargerNames | WidgetNames
    kept: dict[str, _Noted]
    device_id: str
    noted: _Noted


@dataclass(eq=False, repr=False)
class Rejections:
    """The newest rejection of each device that Redis does not have yet."""

    clock: Callable[[], float] = time.monotonic
    most: int = _MOST_DEVICES
    """Most chargers, and most widgets, whose rejections are kept."""

    refused: RefusedHandshakes = field(default_factory=RefusedHandshakes)
    """Those who could not connect at all."""

    def __post_init__(self) -> None:
        self.chargers: dict[str, _Noted] = {}
        self.widgets: dict[str, _Noted] = {}

    def of_charger(self, charger_id: str, code: RejectionCode, message: str) -> None:
        """Note a rejection of a charger."""
        self._note(self.chargers, charger_id, code, message)

    def of_widget(self, widget_id: str, code: RejectionCode, message: str) -> None:
        """Note a rejection of a widget."""
        self._note(self.widgets, widget_id, code, message)

    def put_back(self, kept: dict[str, _Noted], device_id: str, noted: _Noted) -> None:
        """Keep what could not be written, unless there is a newer one, or no room."""
        if device_id not in kept:
            self._keep(kept, device_id, noted)

    def _note(
        self, kept: dict[str, _Noted], device_id: str, code: RejectionCode, message: str
    ) -> None:
        self._keep(kept, device_id, _Noted(code, message, self.clock()))

    def _keep(self, kept: dict[str, _Noted], device_id: str, noted: _Noted) -> None:
        # Rejected devices may invent ids: they must not fill the memory.
        if len(kept) < self.most or device_id in kept:
            kept[device_id] = noted
        else:
            metrics.REJECTIONS_DROPPED.inc()


@dataclass(eq=False, repr=False)
class RejectionWriter:
    """Writes rejections to Redis."""

    bus: Bus
    """One that no reading waits for."""
    names: Names
    rejections: Rejections
    instance_id: str
    rng: random.Random
    clock: Callable[[], float] = time.monotonic
    """The one of ``rejections``."""

    def __post_init__(self) -> None:
        self._failure_log = RateLimitedLog(_log, "rejections cannot be written", self.clock)

    async def write(self) -> None:
        """Write new rejections about once a second, until cancelled."""
        await write_each_second(self.write_all, self.rng)

    async def write_all(self) -> None:
        """Write new rejections now.

        Raises:
            BusUnavailableError: Redis is away; those not written are kept.
        """
        items = self._take()
        try:
            while items:
                await self._write(items[:ITEMS_PER_EXCHANGE])
                del items[:ITEMS_PER_EXCHANGE]
        finally:
            for item in items:
                self.rejections.put_back(item.kept, item.device_id, item.noted)

    def _take(self) -> list[_Item]:
        rejections, names = self.rejections, self.names
        items: list[_Item] = []
        for kept, names_of in (
            (rejections.chargers, names.of_charger),
            (rejections.widgets, names.of_widget),
        ):
            items += [_Item(names_of(i), kept, i, noted) for i, noted in kept.items()]
            kept.clear()
        return items

    async def _write(self, items: list[_Item]) -> None:
        batches = by_slot(items, lambda item: item.names.rejections)
        calls = [self._record_call(batch) for _, batch in batches]
        for reply in await self.bus.run(calls, return_errors=True):
            if isinstance(reply, ResponseError):
                # A key of another type, or a bug: no reason to stop a gateway, nor to keep
                # what cannot be written.
                self._failure_log.log(reply)

    def _record_call(self, batch: list[_Item]) -> Call:
        names = batch[0].names
        words: list[Argument] = [self.instance_id]
        now = self.clock()
        for item in batch:
            code, message, at = item.noted
            age = round((now - at) * _MICROSECONDS)
            words += (item.device_id, age, msgspec.json.encode(code), msgspec.json.encode(message))
        return Call(
            scripts.RECORD_REJECTIONS,
            (names.directory, names.directory_version, names.rejections),
            words,
        )
