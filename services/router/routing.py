"""From stored readings to widgets' statuses, in batches.

Doorbells bring readings as they are stored; those whose doorbell was lost are found when they
are overdue. Both go the same way: compute, write behind the fence, and only then clear from
pending.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap

import msgspec

from services.router import metrics, scripts
from services.router.clear_pending import PendingClearer
from services.router.reading import Reading
from services.router.statuses_ahead import StatusesAhead
from services.router.traces.routing_traces import RoutingTraces
from shared.bus.batches import ITEMS_PER_EXCHANGE, by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.doorbells import StatusData, StatusDoorbell, decode_reading, encode_status
from shared.contract.names import Names, partition_of
from shared.contract.thresholds import Thresholds
from shared.contract.tolerant_json import NOT_DECODABLE
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class Routing:
    """Routes readings."""

    bus: Bus
    names: Names
    thresholds: Thresholds
    """What a state of charge means."""
    version: int
    """Version of the thresholds."""
    clearer: PendingClearer
    """Clears what was routed."""
    rng: random.Random
    clock: Callable[[], float] = time.monotonic
    traces: RoutingTraces | None = None
    """None: traces are off."""

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._by_channel = {n.readings: n.partition for n in self.names.chargers}
        self._waiting: dict[str, Reading] = {}
        # When the first of those that wait was heard, and of those that are being written: one
        # time for all of a batch costs far less than one for each.
        self._heard_at: float | None = None
        self._began_at = 0.0
        self._wake = asyncio.Event()
        self.ahead = StatusesAhead()
        self._restored_log = RateLimitedLog(_log, "a stored status was wrong and was replaced")

    def on_message(self, channel: str, payload: bytes) -> None:
        """Route the reading in a doorbell."""
        try:
            doorbell = decode_reading(payload)
        except NOT_DECODABLE as error:
            # Anything can be published with redis-cli: no reason to stop.
            _log.warning("not a reading", channel=channel, reason=str(error))
            return
        metrics.HEARD.value += 1
        if doorbell.widget:
            self.route(
                Reading(
                    self._by_channel[channel],
                    doorbell.charger,
                    doorbell.data.soc,
                    doorbell.revision,
                    doorbell.pairing,
                    doorbell.widget,
                    doorbell.received_at,
                    doorbell.traceparent,
                )
            )

    def route(self, reading: Reading) -> None:
        """Route a reading with the next batch; of one charger only the newest."""
        waiting = self._waiting.get(reading.charger_id)
        if waiting is None or (reading.order, reading.is_overdue) > (
            waiting.order,
            waiting.is_overdue,
        ):
            self._waiting[reading.charger_id] = reading
        if self._heard_at is None:
            self._heard_at = self.clock()
        self._wake.set()

    async def run(self) -> None:
        """Write statuses, in batches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            readings = self._take()
            try:
                while readings:
                    await self._light(readings[:ITEMS_PER_EXCHANGE])
                    del readings[:ITEMS_PER_EXCHANGE]
            except BusUnavailableError:
                self._heard_at = self._began_at
                for reading in readings:
                    self.route(reading)
                await asyncio.sleep(self._backoff.delay())
            else:
                if self._backoff.failures:
                    self._backoff.reset()

    def _take(self) -> list[Reading]:
        """Take the readings that wait."""
        waiting, self._waiting = self._waiting, {}
        self._began_at, self._heard_at = self._heard_at or self.clock(), None
        return list(waiting.values())

    async def _light(self, readings: list[Reading]) -> None:
        """Write the statuses of readings, and have those cleared that need no more work."""
        batches = by_slot(readings, lambda one: partition_of(one.widget_id, self.names.partitions))
        replies = await self.bus.run(list(starmap(self._light_call, batches)))
        lit = stale = 0
        for (_, items), answers in zip(batches, replies, strict=True):
            if self.traces is not None:
                self.traces.on_answers(items, answers)
            in_batch = answers.count(b"lit"), answers.count(b"stale")
            lit += in_batch[0]
            stale += in_batch[1]
            if sum(in_batch) == len(items) and not self.ahead:
                self.clearer.add(items)
            else:
                self.clearer.add(self._sort_out(items, answers))
        if lit:
            metrics.ROUTE_SECONDS.observe_many(self.clock() - self._began_at, lit)
            metrics.LIT.inc(lit)
        if stale:  # adding 0 costs as much
            metrics.STALE.inc(stale)

    def _sort_out(self, readings: Sequence[Reading], answers: Sequence[bytes]) -> Iterator[Reading]:
        """Act on unusual answers; yield the readings that need no more work.

        The others stay pending: once overdue, they are read again. A reading of another pairing
        than the widget's then has the pairing that its charger has.
        """
        for reading, answer in zip(readings, answers, strict=True):
            if answer == b"mismatch":
                metrics.MISMATCH.inc()
            elif answer.startswith(b"ahead"):
                metrics.AHEAD.inc()
                _, epoch, sequence = answer.split()
                self.ahead.note(reading, (int(epoch), int(sequence)))
            else:
                self.ahead.forget(reading)
                if answer == b"restored":
                    metrics.RESTORED.inc()
                    self._restored_log.log(f"{reading.widget_id} of {reading.charger_id}")
                yield reading

    def _light_call(self, partition: int, readings: list[Reading]) -> Call:
        names = self.names.widgets[partition]
        arguments: list[Argument] = []
        for reading in readings:
            status = self.thresholds.status_of(reading.state_of_charge)
            replaces = self.ahead.replaced_by(reading) if self.ahead else None
            message = StatusDoorbell(
                data=StatusData(status),
                widget=reading.widget_id,
                charger=reading.charger_id,
                pairing=reading.pairing,
                revision=reading.revision,
                thresholds=self.version,
                replaces=replaces or msgspec.UNSET,
                received_at=reading.received_at or msgspec.UNSET,
            )
            if self.traces is not None and reading.traceparent:
                message = self.traces.begin(reading, message, self.clock() - self._began_at)
            arguments += (
                reading.widget_id,
                names.status_channel(reading.widget_id),
                reading.pairing,
                *reading.revision,
                self.version,
                reading.charger_id,
                status.value,
                encode_status(message),
                "{} {}".format(*replaces) if replaces else "",
            )
        keys = (names.directory, names.directory_version, names.statuses, names.transitions)
        return Call(scripts.LIGHT, keys, arguments)
