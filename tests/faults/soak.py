"""Steady load for a long time with a fault every minute: nothing may be wrong, and nothing grow."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import httpx

from tests.faults.booth import Booth
from tests.faults.catalogue import FAULTS
from tests.faults.running import Run, run_fault

MINUTE: Final = 60.0
WARM_SECONDS: Final = 60.0

# No process is killed here: what a fresh one holds says nothing about leaks.
DRAWN: Final = (
    "gateway-cut",
    "router-frozen",
    "redis-empty",
    "redis-emptied",
    "redis-with-data",
    "redis-frozen",
    "overflow",
    "connections-killed",
    "postgres",
    "load-balancer",
    "re-pairing",
    "twins",
    "stalled",
    "clock-back",
    "clock-forward",
    "clock-handed-over",
    "statuses-deleted",
    "entry-deleted",
    "directory-deleted",
    "wrong-type",
    "junk",
    "future",
    "restored",
    "postgres-refusing",
    "refusing",
)
_METRICS: Final = {
    "process_resident_memory_bytes": "memory",
    "process_open_fds": "files",
    "chargelight_tasks": "tasks",
}


async def soak(
    booth: Booth, seconds: float, seed: int, say: Callable[[Run], None]
) -> dict[str, Any]:
    """Load a booth, harm it every minute, and compare what is held at the start and at the end."""
    # What these faults make for themselves stays; it must be there in both measurements.
    runs: list[Run] = []
    for name in ("re-pairing", "twins", "overflow", "redis-empty", "stalled"):
        runs.append(await run_fault(booth, FAULTS[name], seed))
        say(runs[-1])
    await asyncio.sleep(WARM_SECONDS)
    before = await _held(booth)
    drawn = [name for name in DRAWN if FAULTS[name].unavailable_because() is None]
    ends = time.monotonic() + seconds
    number = 0
    while (began := time.monotonic()) < ends:
        number += 1
        name = drawn[number % len(drawn)]
        runs.append(await run_fault(booth, FAULTS[name], seed + number))
        say(runs[-1])
        await asyncio.sleep(max(0.0, min(began + MINUTE, ends) - time.monotonic()))
    await booth.devices.wait_until_well(time.monotonic(), 0.0, MINUTE)
    after = await _held(booth)
    return {
        "seconds": seconds,
        "faults": number,
        "violations": [violation for run in runs for violation in run.violations],
        "before": before,
        "after": after,
    }


def as_markdown(report: dict[str, Any]) -> str:
    """Return what each process held at the start and at the end, as a table."""
    lines = [
        (
            f"{report['seconds'] / MINUTE:.0f} minutes, {report['faults']} faults, "
            f"{len(report['violations'])} violations"
        ),
        "",
        "| | memory (MiB) | files | tasks |",
        "|---|---|---|---|",
    ]
    before, after = report["before"], report["after"]
    for name in before["processes"]:
        first, last = before["processes"][name], after["processes"][name]
        cells = [
            f"{first['memory'] / 2**20:.1f} → {last['memory'] / 2**20:.1f}",
            *(f"{first[kind]:.0f} → {last[kind]:.0f}" for kind in ("files", "tasks")),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", f"Redis keys only at the start: {_missing(before['keys'], after['keys'])}"]
    lines += [f"Redis keys only at the end: {_missing(after['keys'], before['keys'])}"]
    grown = {
        key: (size, after["keys"][key])
        for key, size in before["keys"].items()
        if key in after["keys"] and after["keys"][key] > size
    }
    lines += [f"Redis keys with more in them: {grown or 'none'}"]
    return "\n".join(lines)


def _missing(these: dict[str, int], those: dict[str, int]) -> object:
    return sorted(set(these) - set(those)) or "none"


async def _held(booth: Booth) -> dict[str, Any]:
    """Return what every process holds, and how many elements every key in Redis has."""
    return {
        "processes": {one.name: await _of(one.ready_url) for one in booth.hub.processes},
        "keys": await _keys(booth),
    }


async def _of(ready_url: str) -> dict[str, float]:
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
        text = (await client.get(ready_url.replace("/readyz", "/metrics"))).text
    found = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {short: float(found[name]) for name, short in _METRICS.items()}


async def _keys(booth: Booth) -> dict[str, int]:
    sizes = {b"hash": "HLEN", b"zset": "ZCARD", b"stream": "XLEN", b"set": "SCARD"}
    found: dict[str, int] = {}
    async with booth.redis_client() as client:
        async for key in client.scan_iter():
            kind = await client.type(key)
            command = sizes.get(kind)
            found[key.decode()] = await client.execute_command(command, key) if command else 1
    return found
