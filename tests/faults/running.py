"""Runs faults at a booth and judges: one of them, or several in a row."""

import asyncio
import random
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.faults.booth import Booth
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.checker import SETTLE_SECONDS

WELL_SECONDS: Final = 60.0
_HERE: Final = Path(__file__).parent
SILENCES: Final = (0.0, 0.05, 0.3)
"""When, after a fault began, the chargers fall silent, in every other run."""

JUDGED_SOON_SECONDS: Final = 2.5
"""In the short form, lights that are right so soon after a fault are judged for good then."""

_LOOK_SECONDS: Final = 0.1

SHORTEST: Final = 0.15
"""Share of its full time that a fault may last in a sequence, at least."""


@dataclass(slots=True)
class Run:
    """What became of one fault, or one sequence.

    Attributes:
        what: The fault, or the sequence.
        seed: Repeats it.
        recovery: Seconds from the end of the (last) fault until every device was connected, heard,
            and every light right; None if that never happened.
        violations: Wrong lights, and whatever else should not have been.
        notes: What was drawn.
        silent: The chargers fell silent, so that nothing they say later heals what was lost.
    """

    what: str
    seed: int
    silent: bool
    recovery: float | None = None
    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_facts(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "seed": self.seed,
            "silent": self.silent,
            "recovery": None if self.recovery is None else round(self.recovery, 3),
            "violations": self.violations,
            "notes": self.notes,
        }


async def run_fault(
    booth: Booth,
    fault: Fault,
    seed: int,
    patience_seconds: float = WELL_SECONDS,
    judged_seconds: float = SETTLE_SECONDS,
) -> Run:
    """Do one fault's harm to a booth that is well, judge, and mend it.

    Args:
        booth: Where.
        fault: Which.
        seed: Of all that is drawn; with an even one the chargers fall silent.
        patience_seconds: How long to wait for it to be well again.
        judged_seconds: How long to look on, at least, before the quiet at the end.
    """
    run = Run(fault.name, seed, silent=seed % 2 == 0 and not fault.needs_readings)
    before = _begin(booth, f"{fault.name} {seed}")
    await _judge_fault(booth, fault, run, judged_seconds, patience_seconds)
    await _end(booth, run, before, patience_seconds)
    return run


async def goes_wrong(
    booth: Booth, fault: Fault, seed: int, patience_seconds: float, judged_seconds: float
) -> bool:
    """Do one fault's harm; tell whether anything is wrong, as soon as it is."""
    run = Run(fault.name, seed, silent=seed % 2 == 0 and not fault.needs_readings)
    before = _begin(booth, f"{fault.name} {seed}")
    judging = asyncio.create_task(
        _judge_fault(booth, fault, run, judged_seconds, patience_seconds), name="judging"
    )
    while not judging.done():
        if len(booth.checker.violations) > before or booth.devices.turned_away:
            judging.cancel()
        if booth.hub.unexpected_exits():
            judging.cancel()
        await asyncio.wait([judging], timeout=_LOOK_SECONDS)
    if judging.cancelled():
        return True
    await _end(booth, run, before, patience_seconds)
    return bool(run.violations)


async def _judge_fault(
    booth: Booth, fault: Fault, run: Run, judged_seconds: float, patience_seconds: float
) -> None:
    booth.turn = run.seed // 2
    if run.silent:
        booth.silence(SILENCES)
    try:
        await fault.inject(booth)
        await _judge_recovery(booth, run, judged_seconds, patience_seconds)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is the run's result
        run.violations.append(_described(error))


async def run_sequence(booth: Booth, length: int, seed: int, names: Sequence[str] = ()) -> Run:
    """Do several faults' harm, one soon after the other, judge at the end."""
    rng = random.Random(f"sequence {seed}")
    if not names:
        drawable = [
            fault.name
            for fault in FAULTS.values()
            if not fault.alone and fault.unavailable_because() is None
        ]
        names = [rng.choice(drawable) for _ in range(length)]
    silent = seed % 2 == 0 and not FAULTS[names[-1]].needs_readings
    run = Run(" · ".join(names), seed, silent)
    before = _begin(booth, f"faults of sequence {seed}")
    last = len(names) - 1
    try:
        for number, name in enumerate(names):
            booth.longest = rng.uniform(SHORTEST, 0.6)
            if number == last and run.silent:
                booth.silence(SILENCES)
            await FAULTS[name].inject(booth)
            if number != last:
                # Some find the hub well again, some in the middle of recovering.
                await asyncio.sleep(rng.choice([0.0, 0.2, 1.0, 3.0]))
                await booth.mend()
        await _judge_recovery(booth, run, SETTLE_SECONDS, WELL_SECONDS)
    except Exception as error:  # noqa: BLE001 - as above
        run.violations.append(_described(error))
    booth.longest = 1.0
    await _end(booth, run, before, WELL_SECONDS)
    return run


def _begin(booth: Booth, seed: str) -> int:
    booth.rng.seed(seed)
    booth.notes.clear()
    booth.silent_after = booth.turn = None
    return len(booth.checker.violations)


async def _judge_recovery(booth: Booth, run: Run, at_least: float, patience_seconds: float) -> None:
    """Wait until all is well, judge after the time of grace, and in the quiet at its end."""
    since = booth.fault_ended_at
    run.recovery = await booth.devices.wait_until_well(since, at_least, patience_seconds)
    await booth.devices.judge_quiet()


async def _end(booth: Booth, run: Run, before: int, patience_seconds: float) -> None:
    """Mend the booth, and wait until it is as it was."""
    run.notes = list(booth.notes)
    run.violations += [str(one) for one in booth.checker.violations[before:]]
    run.violations += [*booth.devices.turned_away, *booth.exits, *booth.hub.unexpected_exits()]
    run.violations += booth.audited.violations
    booth.audited.violations.clear()
    booth.devices.turned_away.clear()
    booth.exits.clear()
    booth.silent_after = None
    try:
        await booth.mend()
        booth.exits.clear()
        booth.devices.resume_readings()
        await booth.devices.wait_until_well(time.monotonic(), 0.0, patience_seconds)
    except Exception as error:  # noqa: BLE001 - as above
        run.violations.append(f"not well after it was mended: {_described(error)}")


def _described(error: Exception) -> str:
    """Return an error with the innermost line of the faults' own code that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    here = [frame for frame in frames if str(_HERE) in frame.filename]
    return f"{type(error).__name__}: {error} ({Path(here[-1].filename).name}:{here[-1].lineno})"
