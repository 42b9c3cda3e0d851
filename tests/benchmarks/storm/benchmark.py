"""The rounds of the storm benchmark, and its figures."""

from collections import Counter
from typing import Any, Final

from tests.benchmarks.figures import Report
from tests.benchmarks.generator.control import HOST, Generator, running_generator
from tests.benchmarks.options import Options
from tests.benchmarks.processor import generators_core
from tests.benchmarks.stage import Stage, stage
from tests.fixtures.hub import Router

_PAIRS: Final = 5_000
_WAYS: Final = {"with jitter": True, "all at once": False}


async def measure(options: Options) -> Report:
    """Kill a gateway in each round and way, with a fresh one to come back to."""
    pairs = options.connections // 2 if options.connections else _PAIRS
    pairs = 50 if options.quick else pairs
    report = Report()
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in _WAYS}
    async with stage() as prepared:
        await prepared.register_pairs(pairs)
        router = prepared.hub.start_router()
        for _ in range(1 if options.quick else options.rounds):
            for name, jitter in _WAYS.items():
                async with running_generator(generators_core()) as generator:
                    found[name].append(
                        await _storm(prepared, generator, router, pairs, jitter=jitter)
                    )
        report.note("storm redis", prepared.redis_description)
    report.note("storm devices", f"{2 * pairs:,}")
    for name, results in found.items():
        _add(report, f"storm {name}", results)
    return report


async def _storm(
    prepared: Stage, generator: Generator, router: Router, pairs: int, *, jitter: bool
) -> dict[str, Any]:
    dies, stays = prepared.hub.start_gateway(), prepared.hub.start_gateway()
    await prepared.hub.ready()
    await generator.connect("widget", dies.widget_port, pairs)
    await generator.connect("charger", dies.charger_port, pairs)
    processes = {"gateway": stays.process, "router": router.process}
    before = await prepared.cpu(processes)
    result = await generator.do(
        "storm",
        kill=dies.process.pid,
        host=HOST,
        charger_port=stays.charger_port,
        widget_port=stays.widget_port,
        jitter=jitter,
    )
    after = await prepared.cpu(processes)
    dies.process.kill()  # it is dead; the fixture must know that we wanted that
    await generator.close()
    await stays.process.terminate()
    if result["wrong"]:
        raise RuntimeError(f"{result['wrong']} widgets show the wrong light: {result}")
    return {**result, "cpu": {name: after[name] - before[name] for name in after}}


def _add(report: Report, title: str, results: list[dict[str, Any]]) -> None:
    report.add(f"{title}: all lit again after", [one["seconds"] for one in results], "s")
    for what, key in (
        ("lit again after", "lit_ms"),
        ("connected after", "connected_ms"),
        ("handshake", "handshake_ms"),
        ("charger, from open to stored", "stored_ms"),
        ("widget, from open to first status", "first_status_ms"),
    ):
        for quantile in ("p50", "p99"):
            report.add(
                f"{title}: {what}, {quantile}", [one[key][quantile] for one in results], "ms"
            )
    report.add(f"{title}: attempts", [float(one["attempts"]) for one in results])
    for process in results[0]["cpu"]:
        report.add(f"{title}: CPU of {process}", [one["cpu"][process] for one in results], "s")
    report.add(f"{title}: wrong lights", [float(one["wrong"]) for one in results])
    shares = [one["generator_cpu_share"] for one in results]
    report.add(f"{title}: generator's cores", shares)
    ends = sum((Counter(one["ends"]) for one in results), Counter[str]())
    report.note(f"{title}: why connections ended", str(dict(ends)))
