"""Scrapes each service with few devices and with many, and a gateway of four workers."""

import time
from typing import Final

from tests.benchmarks.crowd import at_rate, connect_all, crowd
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cpu_seconds
from tests.benchmarks.stage import Stage, stage
from tests.fixtures.exposition import series_of
from tests.fixtures.hub import HOST, Gateway, Registry, Router

_NUMBERS: Final = (10, 10_000)
"""Of devices: they must not show in the series."""
_SCRAPES: Final = 30
_WORKERS: Final = 4
_READINGS_PER_SECOND: Final = 500.0
_READING_SECONDS: Final = 10.0


async def measure(options: Options) -> Report:
    """Measure at each number of devices, which report and then only answer pings."""
    numbers = options.numbers(_NUMBERS)
    seconds = 0.5 if options.quick else _READING_SECONDS
    report = Report()
    async with stage() as prepared:
        await prepared.register_pairs(max(numbers) // 2)
        router = prepared.hub.start_router()
        registry = prepared.hub.registries[0]
        for number in numbers:
            parent = prepared.hub.start_gateway({"CHARGELIGHT_GATEWAY_WORKERS": str(_WORKERS)})
            async with crowd(prepared, number // 2) as groups:
                await connect_all(groups)
                await at_rate(groups, _READINGS_PER_SECOND, seconds)
                asked: dict[str, Gateway | Router | Registry] = {
                    "chargers' gateway": groups[0].gateway,
                    "widgets' gateway": groups[-1].gateway,
                    f"gateway of {_WORKERS} workers": parent,
                    "router": router,
                    "registry": registry,
                }
                for name, service in asked.items():
                    await _scrape(prepared, service, f"scrape {number:,} devices: {name}", report)
            await parent.process.terminate()
    return report


async def _scrape(
    prepared: Stage, service: Gateway | Router | Registry, title: str, report: Report
) -> None:
    taken: list[float] = []
    text = ""
    used = cpu_seconds(service.process.pid)
    for _ in range(_SCRAPES):
        began = time.perf_counter()
        response = await prepared.http.get(f"http://{HOST}:{service.health_port}/metrics")
        taken.append(1000 * (time.perf_counter() - began))
        text = response.raise_for_status().text
    used = cpu_seconds(service.process.pid) - used
    report.add(f"{title}, series", [len(series_of(text))])
    report.add(f"{title}, one scrape", taken, "ms")
    # Of the process that is asked, with the pings that it answers meanwhile.
    report.add(f"{title}, CPU of a scrape", [1000 * used / _SCRAPES], "ms")
