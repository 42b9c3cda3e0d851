"""Readings to a gateway at a steady rate, whatever becomes of them."""

import json
from datetime import UTC, datetime
from itertools import cycle, islice
from typing import Any, Final

from websockets.frames import Frame, Opcode

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


def ocpp_frames() -> list[bytes]:
    """Return what chargers of OCPP 1.6 send now: MeterValues of two samples, one a level."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    energy = {"value": "1250", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    frames = []
    for level in range(10, 100):
        soc = {"value": str(level), "measurand": "SoC", "unit": "Percent"}
        sample = {"timestamp": at, "sampledValue": [energy, soc]}
        payload = {"connectorId": 1, "transactionId": 1_796_032_000, "meterValue": [sample]}
        message = json.dumps([2, "19223201", "MeterValues", payload], separators=(",", ":"))
        frames.append(Frame(Opcode.TEXT, message.encode()).serialize(mask=True))
    return frames


def send(
    loop: Loop, fleet: Fleet, *, rate: float, seconds: float, ocpp: bool = False
) -> dict[str, Any]:
    """Have all chargers send, one after the other, so many readings per second in all.

    A reading whose socket takes nothing is not sent later: it counts as ``refused``.
    """
    frames = ocpp_frames() if ocpp else FRAMES
    schedule = Schedule(rate, seconds, _TICK_SECONDS)
    turns = zip(cycle(fleet.chargers), cycle(frames), strict=False)
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
            if taken != len(frame):
                charger.remember(frame, taken)
    return refused
