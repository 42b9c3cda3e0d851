"""Each attack in rounds: before it, during it, and during its control.

A process that stands still for a moment, for whatever reason, decides the 99th percentile of its
phase. So each phase is short, there are several, and the median of their percentiles counts.
"""

import time
from typing import Final

from tests.benchmarks.door.table import Round, Row, table
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.stage import stage
from tests.e2e.door.attacks import ATTACKS
from tests.e2e.door.watch import SETTINGS, Door, open_door

_SECONDS: Final = 4.0
"""Of each phase; there are three in a round."""
_PAIRS: Final = 50
"""Of others; each sends a reading twice a second."""


async def measure(options: Options) -> Report:
    """Measure all attacks; in the quick form one of each port."""
    names = ("wrong API keys", "TLS handshakes") if options.quick else tuple(ATTACKS)
    seconds, pairs = (0.5, 5) if options.quick else (_SECONDS, options.connections or _PAIRS)
    rounds = 1 if options.quick else options.rounds
    async with stage(settings=SETTINGS) as on, open_door(on.hub, on.folder / "ca", pairs) as door:
        rows = [
            Row(name, [await _measure(door, name, seconds) for _ in range(rounds)])
            for name in names
        ]
    report = Report()
    for row in rows:
        for what, values, unit in row.figures():
            report.add(f"door {row.name}: {what}", values, unit)
    report.note("door", table(rows))
    return report


async def _measure(door: Door, name: str, seconds: float) -> Round:
    attack = ATTACKS[name]
    before = await door.look_on(attack, seconds)
    await door.begin(name)
    pids, began = (door.attacker.pid, door.attacked(attack).pid), time.monotonic()
    used = [cpu_seconds(pid) for pid in pids]
    during = await door.look_on(attack, seconds)
    took = time.monotonic() - began
    attacker, attacked = (
        (cpu_seconds(pid) - was) / took for pid, was in zip(pids, used, strict=True)
    )
    told = await door.end()
    await door.look_on(attack, 0)  # until what the attack has left is worked off
    await door.begin_to_spin(attacker)
    control = await door.look_on(attack, seconds)
    await door.end()
    return Round(told["per_second"], attacker, attacked, before, during, control)
