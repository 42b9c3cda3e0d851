"""How long imports take, what memory they need, and what others feel of them.

Each booth has a Redis, a database and a registry of its own, so that each begins with nothing; the
hostile files, which leave nothing, share one. Others are requests for one device, one by one.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.benchmarks.figures import Report
from tests.benchmarks.imports.beside import Latencies, forget_peak, looking, peak_bytes
from tests.benchmarks.imports.files import MIB, ImportFile, booth, hostile
from tests.benchmarks.options import Options
from tests.fixtures.hub import Hub, Registry
from tools.servers.postgres.databases import temporary_database
from tools.servers.postgres.open import open_postgres_server
from tools.servers.postgres.server import Postgres
from tools.servers.redis.open import open_redis_server
from tools.servers.server_options import ServerOptions

SIZES = (1_000, 50_000, 200_000)
LARGEST = 200_000
DEADLINE_SECONDS = 400.0
USUAL_SECONDS = 3.0
WORDS = "Büdchen an der großen Bühne - links - unter dem Vordach neben Bar " * 2
"""As long as lets `LARGEST` devices fill the largest file."""


@dataclass(frozen=True, slots=True)
class Found:
    """What one import was like."""

    answer: httpx.Response
    seconds: float
    peak: int
    """Of the registry's memory, in bytes."""
    before: int
    usual: Latencies
    meanwhile: Latencies


async def measure(options: Options) -> Report:
    """Import booths of all sizes, the largest that is allowed, and hostile files."""
    report = Report()
    with closing(open_postgres_server(ServerOptions.of_tests())) as postgres:
        report.note("imports postgres", postgres.description)
        for devices in options.numbers(SIZES):
            found = [
                await _import_alone(postgres, booth(devices), options)
                for _ in range(1 if options.quick else options.rounds)
            ]
            _add(report, f"imports {devices:,} devices", devices, found)
        largest = 100 if options.quick else LARGEST
        found = [await _import_alone(postgres, booth(largest, WORDS), options)]
        _add(report, "imports the largest file", largest, found)
        async with _registry(postgres) as registry:
            for name, file in hostile(0.01 if options.quick else 1.0).items():
                _add_hostile(report, name, file, await _import(registry, file.pieces(), options))
    return report


def _add(report: Report, name: str, devices: int, found: list[Found]) -> None:
    for each in found:
        did = each.answer.json()
        if (did.get("created"), did.get("paired")) != (devices, devices // 2):
            raise RuntimeError(f"{name}: the import did something else: {each.answer.text[:300]}")
    report.add(f"{name}: answered", [each.seconds for each in found], "s")
    report.add(f"{name}: per row", [each.seconds / devices * 1e6 for each in found], "µs")
    _add_common(report, name, found)


def _add_hostile(report: Report, name: str, file: ImportFile, found: Found) -> None:
    if found.answer.status_code != file.status:
        raise RuntimeError(f"{name}: answered with {found.answer.status_code}")
    report.add(f"imports hostile, {name}: answered", [found.seconds], "s")
    _add_common(report, f"imports hostile, {name}", [found])


def _add_common(report: Report, name: str, found: list[Found]) -> None:
    report.add(f"{name}: peak memory", [each.peak / MIB for each in found], "MiB")
    report.add(f"{name}: of it before", [each.before / MIB for each in found], "MiB")
    ratios = [each.meanwhile.median / each.usual.median for each in found]
    report.add(f"{name}: others' p50 / usual", ratios)
    ratios = [each.meanwhile.p99 / each.usual.p99 for each in found]
    report.add(f"{name}: others' p99 / usual", ratios)
    report.add(f"{name}: others' p50", [each.meanwhile.median * 1e3 for each in found], "ms")
    report.add(f"{name}: others' p99", [each.meanwhile.p99 * 1e3 for each in found], "ms")


async def _import_alone(postgres: Postgres, file: Iterator[bytes], options: Options) -> Found:
    async with _registry(postgres) as registry:
        return await _import(registry, file, options)


async def _import(registry: Registry, file: Iterator[bytes], options: Options) -> Found:
    url = f"{registry.url}/chargers/looked-at"
    pid = registry.process.pid
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_SECONDS) as client:
        (await client.put(url)).raise_for_status()
        async with looking(client, url) as usual:
            await asyncio.sleep(0.3 if options.quick else USUAL_SECONDS)
        forget_peak(pid)
        before = peak_bytes(pid)
        async with looking(client, url) as meanwhile:
            began = time.perf_counter()
            answer = await client.post(
                f"{registry.url}/import",
                content=_in_turns(file),
                headers={"content-type": "text/csv"},
            )
            seconds = time.perf_counter() - began
        return Found(answer, seconds, peak_bytes(pid), before, usual, meanwhile)


async def _in_turns(file: Iterator[bytes]) -> AsyncIterator[bytes]:
    for piece in file:
        yield piece
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def _registry(postgres: Postgres) -> AsyncIterator[Registry]:
    with (
        temporary_database(postgres) as dsn,
        closing(open_redis_server(ServerOptions.of_tests())) as redis,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = {
            "CHARGELIGHT_REDIS_URL": redis.url,
            "CHARGELIGHT_POSTGRES_DSN": dsn,
            "CHARGELIGHT_LOG_LEVEL": "warning",
        }
        hub = Hub(settings, Path(folder), lambda _process: None)
        registry = hub.start_registry()
        try:
            await hub.ready()
            yield registry
        finally:
            await hub.close()
