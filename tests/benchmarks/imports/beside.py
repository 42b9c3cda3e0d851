"""What other requests feel while a file is imported, and what memory the registry takes."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

EVERY_SECONDS = 0.02


def peak_bytes(pid: int) -> int:
    """Return the most memory that a process had in RAM since `forget_peak` (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/status has no line with VmHWM")


def forget_peak(pid: int) -> None:
    """Let `peak_bytes` begin with what a process has now; see proc(5), ``clear_refs``."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass(slots=True)
class Latencies:
    """How long requests took, in seconds."""

    samples: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def p99(self) -> float:
        return sorted(self.samples)[int(len(self.samples) * 0.99)]


@contextlib.asynccontextmanager
async def looking(client: httpx.AsyncClient, url: str) -> AsyncIterator[Latencies]:
    """Get something all the time while the context is open, and measure how long that takes."""
    found = Latencies()

    over = asyncio.Event()

    async def look() -> None:
        while not (over.is_set() and found.samples):
            began = time.perf_counter()
            (await client.get(url)).raise_for_status()
            found.samples.append(time.perf_counter() - began)
            await asyncio.sleep(EVERY_SECONDS)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(look(), name="look")
        try:
            yield found
        finally:
            over.set()
