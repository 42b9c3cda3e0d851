"""All attacks in rounds, one after the other: before each, during it, and during its control.

A process that stands still for a moment, for whatever reason, decides the 99th percentile of its
phase. So each phase is short, there are several, and the median of their percentiles counts. What
is usual is found in the phases before all attacks: there are eight times as many.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks.door.table import Round, Row, table
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.stage import stage
from tests.e2e.door.attacks import ATTACKS, Port
from tests.e2e.door.watch import SETTINGS, Door, Noticed, open_door

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
        measured: dict[str, list[Round]] = {name: [] for name in names}
        for _ in range(rounds):
            for name, of in measured.items():
                of.append(await _measure(door, name, seconds))
    report, rows = (
        Report(),
        [Row(name, of, _quiet(measured, name)) for name, of in measured.items()],
    )
    for row in rows:
        for what, values, unit in row.figures():
            report.add(f"door {row.name}: {what}", values, unit)
    report.note("door", table(rows))
    return report


def _quiet(measured: Mapping[str, Sequence[Round]], name: str) -> list[Noticed]:
    """Return all that was noticed without an attack by those whom an attack concerns."""
    with_tls = ATTACKS[name].port is Port.TLS
    return [
        each.before
        for other, rounds in measured.items()
        if (ATTACKS[other].port is Port.TLS) is with_tls
        for each in rounds
    ]


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
