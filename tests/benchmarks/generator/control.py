"""The other end of a generator: starts it, tells it what to do, and takes its answers."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.benchmarks.figures import Report
from tests.fixtures.processes import ROOT

_MOST_BYTES: Final = 2**24
HOST: Final = "127.0.0.1"


class GeneratorError(Exception):
    """A generator could not do what it was told; the message holds its traceback."""


class Generator:
    """A running generator process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have a command done and return its result.

        Raises:
            GeneratorError: It could not be done.
        """
        await self.begin(command, **arguments)
        return await self.answer()

    async def begin(self, command: str, **arguments: Any) -> None:
        """Have a command done, and do something else meanwhile."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}).encode() + b"\n")
        await self._process.stdin.drain()

    async def answer(self) -> dict[str, Any]:
        """Return the result of the oldest command that was begun.

        Raises:
            GeneratorError: It could not be done.
        """
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the generator ended"}
        if "error" in answer:
            raise GeneratorError(answer["error"])
        return answer

    async def connect(
        self, kind: str, port: int, count: int, *, first: int = 0, **place: str
    ) -> dict[str, Any]:
        """Connect devices numbered from ``first``; see `fleet.Fleet.connect`.

        More of their `connection.Place` may be said: ``source``, ``subprotocol``.
        """
        return await self.do(
            "connect", kind=kind, host=HOST, port=port, first=first, count=count, **place
        )

    async def close(self) -> None:
        await self.do("close")


def add_generator(report: Report, title: str, results: Sequence[dict[str, Any]]) -> None:
    """Add what the generator said of itself: whether it was in time."""
    shares = [result["generator_cpu_share"] for result in results]
    report.add(f"{title} generator's cores", shares)
    lags = [result["generator_lag_ms"]["p99"] for result in results]
    report.add(f"{title} generator's lag p99", lags, "ms")


@asynccontextmanager
async def running_generator(core: int | None = None) -> AsyncIterator[Generator]:
    """Run a generator, on a core of its own if one is named."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.benchmarks.generator",
        *([] if core is None else [str(core)]),
        stdin=PIPE,
        stdout=PIPE,
        cwd=ROOT,
        limit=_MOST_BYTES,
    )
    try:
        yield Generator(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
