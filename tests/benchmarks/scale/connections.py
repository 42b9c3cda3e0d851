"""The gateways' CPU per message as connections grow, at the same total rate."""

from collections.abc import Sequence
from typing import Final

from tests.benchmarks.crowd import Group, at_rate, connect_all, crowd
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.stage import stage

_NUMBERS: Final = (100, 1_000, 10_000, 50_000)
_RATE: Final = 600.0
_INTERVAL_SECONDS: Final = 12.0
"""Between two pings to a device, by default: in this time each is pinged once."""
_KINDS: Final = {"charger": "reading", "widget": "status"}


async def measure(options: Options) -> Report:
    """Measure at each number of connections, rest and load in turns."""
    numbers = (20, 100) if options.quick else _NUMBERS
    rounds, seconds = (1, 0.5) if options.quick else (options.rounds, _INTERVAL_SECONDS)
    report = Report()
    async with stage() as prepared:
        await prepared.register_pairs(numbers[-1] // 2)
        router = prepared.hub.start_router()
        await router.process.ready()
        for number in numbers:
            # As many processes for few as for many, so that nothing else differs.
            async with crowd(prepared, number // 2, like=numbers[-1] // 2) as groups:
                await connect_all(groups)
                await at_rate(groups, 0.0, seconds)
                report.merge(await _measure(groups, number, rounds, seconds))
    for kind, what in _KINDS.items():
        for number in numbers[1:]:
            report.ratio(
                f"scale {number:,} connections: CPU per {what} / with {numbers[0]}",
                f"scale {number:,} connections: {kind} gateways' CPU per {what}",
                f"scale {numbers[0]:,} connections: {kind} gateways' CPU per {what}",
            )
    return report


async def _measure(groups: Sequence[Group], number: int, rounds: int, seconds: float) -> Report:
    report = Report()
    per_message: dict[str, list[float]] = {kind: [] for kind in _KINDS}
    idle: list[float] = []
    for _ in range(rounds):
        start = _cpu(groups)
        await at_rate(groups, 0.0, seconds)
        rested = _cpu(groups)
        sent = await at_rate(groups, _RATE, seconds)
        loaded = _cpu(groups)
        for kind in _KINDS:
            used = loaded[kind] - 2 * rested[kind] + start[kind]
            per_message[kind].append(used / sent * 1e6)
        idle.append(100 * sum(rested[kind] - start[kind] for kind in _KINDS) / seconds)
    title = f"scale {number:,} connections:"
    for kind, what in _KINDS.items():
        report.add(f"{title} {kind} gateways' CPU per {what}", per_message[kind], "µs")
    report.add(f"{title} idle CPU of all gateways", idle, "% of a core")
    return report


def _cpu(groups: Sequence[Group]) -> dict[str, float]:
    used = dict.fromkeys(_KINDS, 0.0)
    for group in groups:
        used[group.kind] += cpu_seconds(group.gateway.process.pid)
    return used
