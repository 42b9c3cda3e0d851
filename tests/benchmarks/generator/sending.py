"""Readings to a gateway at a steady rate, whatever becomes of them."""

from itertools import cycle, islice
from typing import Any, Final

from tests.benchmarks.generator.fleet import Fleet
from tests.benchmarks.generator.loop import Loop, clock
from tests.benchmarks.generator.schedule import Schedule
from tests.fixtures.raw_frames import reading

_TICK_SECONDS: Final = 0.0005
_MOST_AT_ONCE: Final = 200
"""Most messages between two looks at what came in."""

# All as long as each other, so that a server that counts bytes counts messages.
FRAMES: Final = tuple(reading(level) for level in range(10, 100))
FRAME_BYTES: Final = len(FRAMES[0])


def send(loop: Loop, fleet: Fleet, *, rate: float, seconds: float) -> dict[str, Any]:
    """Have all chargers send, one after the other, so many readings per second in all.

    A reading whose socket takes nothing is not sent later: it counts as ``refused``.
    """
    schedule = Schedule(rate, seconds, _TICK_SECONDS)
    turns = zip(cycle(fleet.chargers), cycle(FRAMES), strict=False)
    refused = 0
    while not schedule.is_over:
        now = clock()
        if now >= schedule.next_at():
            due = min(schedule.due_by(now), schedule.sent + _MOST_AT_ONCE)
            refused += _burst(turns, due - schedule.sent)
            schedule.sent_up_to(due, now)
        loop.turn(schedule.next_at())
    return {**schedule.result(), "refused": refused, "lost": dict(fleet.lost)}


def _burst(turns: Any, count: int) -> int:
    """Send so many; return how many could not be."""
    refused = 0
    for charger, frame in islice(turns, count):
        if charger.is_blocked:
            refused += not charger.send(frame)
            continue
        try:
            taken = charger.send_raw(frame)
        except OSError:
            refused += 1
        else:
            if taken != FRAME_BYTES:
                charger.remember(frame, taken)
    return refused
