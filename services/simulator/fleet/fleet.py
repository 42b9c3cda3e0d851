"""Many chargers and their widgets at once, each light judged all the time."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Final, NoReturn

from services.simulator.devices.charger import Acknowledged, Charger, ChargerEvent, Complaint, Sent
from services.simulator.devices.disconnect_reason import (
    Device,
    DisconnectReason,
    Refused,
    Unreachable,
    explain,
)
from services.simulator.devices.phone import Phone
from services.simulator.devices.reconnect import Connected, Disconnected, Pace
from services.simulator.devices.widget import Lit, NotUnderstood, Widget, WidgetEvent
from services.simulator.fleet.figures import Counts, Figures, Latencies, percentile
from services.simulator.fleet.pairs import Pair
from services.simulator.judging.thresholds import Thresholds
from services.simulator.judging.verdict import Light, Verdict

_JUDGE_EVERY_SECONDS: Final = 0.5
_SETTLED_CHECK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Plan:
    """How one pair behaves; the interval is the seconds from one reading to the next."""

    pair: Pair
    phone: Phone
    interval: float


@dataclass(frozen=True, slots=True)
class Hub:
    """Where the fleet connects and what it expects there.

    Attributes:
        thresholds: What each level calls for.
        settle: Seconds after which a light that is not right is wrong.
        secret: What all its devices present; empty: nothing.
    """

    chargers_url: str
    widgets_url: str
    thresholds: Thresholds
    settle: float
    secret: str = field(default="", repr=False)


@dataclass(slots=True)
class Records:
    """Where all pairs of a fleet note what happens.

    Attributes:
        troubles: Why devices have no connection: how many of them, by the words.
    """

    counts: Counts
    latencies: Latencies
    troubles: Counter[str]


class _ConnectionLog:
    """Counts the connects and the failures of one device."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._ever = False
        self._trouble = ""

    def on_connected(self) -> None:
        self._records.counts.reconnects += self._ever
        self._ever = True
        self._set_trouble("")

    def on_disconnected(self, reason: DisconnectReason, device: Device) -> None:
        self._records.counts.failed_attempts += isinstance(reason, Refused | Unreachable)
        # Without the id, so that equal reasons of different devices are counted together.
        anyone = replace(device, device_id="ID", url=device.url.removesuffix(device.device_id))
        self._set_trouble(explain(reason, anyone))

    def _set_trouble(self, words: str) -> None:
        troubles = self._records.troubles
        if self._trouble:
            troubles[self._trouble] -= 1
        if words:
            troubles[words] += 1
        self._trouble = words


class SimulatedPair:
    """A charger, its phone, its widget and the judgement on the widget's light."""

    def __init__(self, plan: Plan, hub: Hub, records: Records, rng: random.Random) -> None:
        self.plan = plan
        self.light = Light(hub.thresholds, hub.settle)
        self.verdict = Verdict.UNKNOWN
        ids = plan.pair
        self.charger = Charger(
            ids.charger,
            hub.chargers_url,
            pace=Pace(rng),
            secret=hub.secret,
            notify=self._on_charger,
        )
        self.widget = Widget(
            ids.widget, hub.widgets_url, pace=Pace(rng), secret=hub.secret, notify=self._on_widget
        )
        self._records = records
        self._charger_log = _ConnectionLog(records)
        self._widget_log = _ConnectionLog(records)

    @property
    def is_settled(self) -> bool:
        """Whether the last reading has its receipt, and the light a final verdict."""
        final = self.verdict in (Verdict.RIGHT, Verdict.WRONG)
        return final and self.charger.is_acknowledged

    def judge(self) -> None:
        """Judge the light now, and count it if it has just become wrong."""
        before, self.verdict = self.verdict, self.light.verdict(monotonic())
        if self.verdict is Verdict.WRONG and before is not Verdict.WRONG:
            self._records.counts.wrong_lights += 1

    def _on_charger(self, event: ChargerEvent) -> None:
        counts = self._records.counts
        match event:
            case Connected():
                self._charger_log.on_connected()
            case Disconnected(reason):
                self._charger_log.on_disconnected(reason, self.charger.device)
            case Sent(number, level):
                counts.sent += 1
                self.light.on_reading_sent(number, level, monotonic())
            case Acknowledged(number, level):
                counts.acknowledged += 1
                self.light.on_reading_acknowledged(number, level, monotonic())
            case Complaint():
                counts.complaints += 1

    def _on_widget(self, event: WidgetEvent) -> None:
        counts = self._records.counts
        match event:
            case Connected():
                self._widget_log.on_connected()
                self.light.on_widget_connected(monotonic())
            case Disconnected(reason):
                self._widget_log.on_disconnected(reason, self.widget.device)
                self.light.on_widget_disconnected()
            case Lit(status):
                counts.received += 1
                match = self.light.on_status_seen(status, monotonic())
                counts.older_lights += match.older
                if match.took is not None:
                    self._records.latencies.add(1000 * match.took)
            case NotUnderstood():
                counts.complaints += 1


class Fleet:
    """All pairs, connected little by little: ``connecting_rate`` pairs per second."""

    def __init__(
        self, plans: Sequence[Plan], hub: Hub, *, connecting_rate: float, rng: random.Random
    ) -> None:
        self._records = Records(Counts(), Latencies(), Counter())
        self.pairs = [SimulatedPair(plan, hub, self._records, rng) for plan in plans]
        self._connecting_rate = connecting_rate
        self._rng = rng
        self._started_at = monotonic()
        self._last_taken_at = self._started_at
        self._last_taken = Counts()
        self._charging: list[asyncio.Task[None]] = []
        self._silent = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all pairs for as long as the context lasts."""
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(self.run(), name="fleet")
            try:
                yield
            finally:
                running.cancel()

    async def run(self) -> NoReturn:
        """Run all pairs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_judging(), name="judge")
            for pair in self.pairs:
                ids = pair.plan.pair
                tasks.create_task(pair.widget.run(), name=f"widget {ids.widget}")
                tasks.create_task(pair.charger.run(), name=f"charger {ids.charger}")
                if not self._silent:
                    charging = self._charge(pair)
                    self._charging.append(
                        tasks.create_task(charging, name=f"phone in {ids.charger}")
                    )
                await asyncio.sleep(1 / self._connecting_rate)
        raise AssertionError("the tasks of a fleet never end by themselves")

    def stop_readings(self) -> None:
        """Send no more readings; the connections stay."""
        self._silent = True
        for task in self._charging:
            task.cancel()

    async def wait_until_settled(self) -> None:
        """Wait until all readings have their receipts, and every light is right or wrong."""
        while True:
            for pair in self.pairs:
                pair.judge()
            if all(pair.is_settled for pair in self.pairs):
                return
            # Time alone can make a light wrong, so there is no event to wait for.
            await asyncio.sleep(_SETTLED_CHECK_SECONDS)

    def take_figures(self) -> Figures:
        """Return the figures since the last call, and start the next span of time."""
        now = monotonic()
        counts = replace(self._records.counts)
        seconds = max(now - self._last_taken_at, 1e-9)
        before, self._last_taken = self._last_taken, counts
        self._last_taken_at = now
        return self._figures(
            (counts.sent - before.sent) / seconds,
            (counts.received - before.received) / seconds,
            self._records.latencies.take_recent(),
        )

    def total_figures(self) -> Figures:
        """Return the figures of the whole run."""
        counts = self._records.counts
        seconds = max(monotonic() - self._started_at, 1e-9)
        return self._figures(
            counts.sent / seconds, counts.received / seconds, self._records.latencies.total
        )

    def troubles(self, most: int = 3) -> list[tuple[str, int]]:
        """Return the commonest reasons for missing connections, with their numbers."""
        return [
            (words, times) for words, times in self._records.troubles.most_common(most) if times
        ]

    def pairs_not_right(self) -> list[SimulatedPair]:
        """Return the pairs whose light was not right when last judged."""
        return [pair for pair in self.pairs if pair.verdict is not Verdict.RIGHT]

    def _figures(self, sent: float, received: float, latencies: Sequence[float]) -> Figures:
        for pair in self.pairs:
            pair.judge()
        verdicts = Counter(pair.verdict for pair in self.pairs)
        return Figures(
            elapsed=monotonic() - self._started_at,
            pairs=len(self.pairs),
            chargers_connected=sum(pair.charger.connected for pair in self.pairs),
            widgets_connected=sum(pair.widget.connected for pair in self.pairs),
            sent_per_second=sent,
            received_per_second=received,
            latency_samples=len(latencies),
            latency_p50_ms=percentile(latencies, 0.50),
            latency_p99_ms=percentile(latencies, 0.99),
            lights_right=verdicts[Verdict.RIGHT],
            lights_late=verdicts[Verdict.LATE],
            lights_wrong=verdicts[Verdict.WRONG],
            lights_unknown=verdicts[Verdict.UNKNOWN],
            counts=replace(self._records.counts),
        )

    async def _keep_judging(self) -> NoReturn:
        while True:
            for pair in self.pairs:
                pair.judge()
            await asyncio.sleep(_JUDGE_EVERY_SECONDS)

    async def _charge(self, pair: SimulatedPair) -> None:
        plan = pair.plan
        # A random phase: the readings of a fleet spread over the interval.
        next_at = monotonic() + self._rng.uniform(0, plan.interval)
        while True:
            await asyncio.sleep(max(0.0, next_at - monotonic()))
            await pair.charger.report(plan.phone.level)
            plan.phone.charge()
            # After a delay go on from now: no burst of readings to catch up.
            next_at = max(next_at + plan.interval, monotonic())
