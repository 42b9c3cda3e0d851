"""Readings to chargers, statuses from widgets: which status answers which reading, and how late.

A status does not say which reading it answers. So the readings of one charger go round the
three statuses, some readings for each: phones do not change their light with every reading, and
a light that changes is more work. Statuses arrive in the order of their readings (the hub never
shows an older one after a newer one), so a status answers the oldest unanswered reading that
calls for it. That is certain while no two readings are under way that call for the same; if
there are, the oldest is taken, so that latencies can only come out too long, never too short.
How many answers were in such doubt is counted: ``in_doubt``. With many chargers there are none.

The hub may skip a reading when a newer one of the same charger is there (conflation). A
skipped reading is not left out of the latencies: it counts as answered when its widget got
something newer. So p99 is that of "the widget shows this reading or a newer one", over all
readings that were due, also under overload. When the time is over, a widget that shows what its
charger's last reading calls for has got them all, the latest of them with the last status heard;
the readings of any other widget count as ``unanswered``.
"""

from array import array
from collections import deque
from functools import partial
from itertools import islice
from typing import Any, Final

from tests.benchmarks.generator.fleet import Fleet
from tests.benchmarks.generator.frames import READING_OF_STEP, STEP_OF
from tests.benchmarks.generator.loop import Loop, clock
from tests.benchmarks.generator.schedule import Schedule, quantiles

READINGS_PER_LIGHT: Final = 60
"""A phone's light changes twice while it charges: with one of a hundred readings or more."""
_TICK_SECONDS: Final = 0.0005
"""As a network card gathers what comes from many devices. What that delays counts as late."""
_MOST_AT_ONCE: Final = 50
_HOPELESS_SECONDS: Final = 1.0
"""A hub that is so far behind will not catch up; going on would only bury it."""


class Relay:
    """One run over all pairs of a fleet, which must have as many widgets as chargers.

    Args:
        loop: Who watches the sockets.
        fleet: The devices; pair number n is charger n with widget n.
        counted_from: Readings that are due before this time do not count: the warm-up.
        readings_per_light: After how many readings a charger's light changes.
    """

    def __init__(
        self, loop: Loop, fleet: Fleet, counted_from: float, readings_per_light: int = 1
    ) -> None:
        if len(fleet.chargers) != len(fleet.widgets):
            raise ValueError("each charger needs its widget")
        self._loop = loop
        self._chargers = fleet.chargers
        self._sent = [0] * len(fleet.chargers)
        self._readings_per_light = readings_per_light
        self._unanswered: list[deque[tuple[float, int]]] = [deque() for _ in fleet.chargers]
        self._heard_last: list[tuple[float, int | None]] = [(0.0, None) for _ in fleet.chargers]
        self._counted_from = counted_from
        self.latencies = array("d")
        self.answers = self.conflated = self.in_doubt = 0
        self.unexpected = self.refused = self.waiting = 0
        for number, widget in enumerate(fleet.widgets):
            widget.on_text = partial(self._heard, number)

    def send(self, number: int, due_at: float) -> None:
        index = number % len(self._chargers)
        # By its number, so that not all lights change at the same time.
        place = self._sent[index] + index
        step = place // self._readings_per_light % len(READING_OF_STEP)
        if not self._chargers[index].send(READING_OF_STEP[step]):
            self.refused += 1
            return
        self._sent[index] += 1
        self._unanswered[index].append((due_at, step))
        self.waiting += 1

    def finish(self) -> None:
        """Decide what became of the readings whose answers were in doubt."""
        for unanswered, (at, step) in zip(self._unanswered, self._heard_last, strict=True):
            if unanswered and unanswered[-1][1] == step:
                self._answered(unanswered, len(unanswered), at)

    def _heard(self, number: int, message: bytes) -> None:
        now = clock()
        step = STEP_OF.get(message)
        self._heard_last[number] = (now, step)
        unanswered = self._unanswered[number]
        for position, (_, wanted) in enumerate(unanswered):
            if wanted == step:
                later = islice(unanswered, position + 1, None)
                self.in_doubt += any(another == step for _, another in later)
                self._answered(unanswered, position + 1, now)
                return
        self.unexpected += 1

    def _answered(self, unanswered: "deque[tuple[float, int]]", count: int, at: float) -> None:
        """Take the oldest readings as answered by one status."""
        self.answers += 1
        self.conflated += count - 1
        self.waiting -= count
        for _ in range(count):
            due_at = unanswered.popleft()[0]
            if due_at >= self._counted_from:
                self.latencies.append(max(0.0, at - due_at))


def relay(
    loop: Loop,
    fleet: Fleet,
    *,
    rate: float,
    seconds: float,
    warm_up: float,
    patience: float,
    gather: bool = True,
) -> dict[str, Any]:
    """Relay so many readings per second in all; times in seconds, results in ms.

    Args:
        loop: Who watches the sockets.
        fleet: The devices.
        rate: Readings per second, all pairs together.
        seconds: How long they are counted, after the warm-up.
        warm_up: How long they are not, before that.
        patience: How long the last ones may take.
        gather: Whether what is due within half a millisecond is sent together.
    """
    schedule = Schedule(rate, warm_up + seconds, _TICK_SECONDS if gather else 0.0)
    run = Relay(loop, fleet, schedule.began_at + warm_up, READINGS_PER_LIGHT)
    hopeless = _HOPELESS_SECONDS * rate + len(fleet.chargers)
    while not schedule.is_over and run.waiting < hopeless:
        now = clock()
        if now >= schedule.next_at():
            first = schedule.sent
            due = min(schedule.due_by(now), first + _MOST_AT_ONCE)
            for number in range(first, due):
                run.send(number, schedule.due_at(number))
            schedule.sent_up_to(due, now)
        loop.turn(schedule.next_at())
    result = schedule.result()
    until = clock() + patience
    while run.waiting and clock() < until:
        loop.turn(until)
    run.finish()
    return {
        **result,
        "latency_ms": quantiles(run.latencies),
        "answers": run.answers,
        "conflated": run.conflated,
        "in_doubt": run.in_doubt,
        "unanswered": run.waiting,
        "unexpected": run.unexpected,
        "refused": run.refused,
        "lost": dict(fleet.lost),
    }


def drain(loop: Loop, fleet: Fleet, *, seconds: float) -> dict[str, Any]:
    """Listen for a while to what comes after all, and count it."""
    heard = 0

    def hear(_: bytes) -> None:
        nonlocal heard
        heard += 1

    for widget in fleet.widgets:
        widget.on_text = hear
    until = clock() + seconds
    while clock() < until:
        loop.turn(until)
    return {"heard": heard}
