"""Counts with callgrind, a few processes at a time, and takes the loop off."""

import asyncio
import os
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from typing import Final

from tests.benchmarks.figures import Report
from tests.benchmarks.instructions.calls import NAMES
from tests.benchmarks.options import Options
from tests.benchmarks.processor import cores
from tests.fixtures.processes import ROOT

_COUNT: Final = 2_000
_QUICK_COUNT: Final = 50
_LOOP: Final = "nothing"
_QUICK: Final = ("parse_frame",)
_COLLECTED: Final = re.compile(rb"Collected : (\d+)")
_UNIT: Final = "instructions"


async def measure(options: Options) -> Report:
    """Count the instructions of each of `calls.NAMES`; one round, since they do not vary."""
    report = Report()
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        report.note("instructions", "not measured: there is no valgrind on the PATH")
        return report
    count = _QUICK_COUNT if options.quick else _COUNT
    names = _QUICK if options.quick else NAMES
    runs = [(name, times * count) for name in names for times in (1, 2)]
    at_once = asyncio.Semaphore(len(cores()))
    async with asyncio.TaskGroup() as tasks:
        counting = {
            run: tasks.create_task(_instructions(valgrind, *run, at_once), name=f"{run}")
            for run in runs
        }
    per_call = {
        name: (counting[name, 2 * count].result() - counting[name, count].result()) / count
        for name in names
    }
    loop = per_call.pop(_LOOP, 0.0)
    for name, instructions in per_call.items():
        report.add(f"instructions: {name.replace('_', ' ')}", [instructions - loop], _UNIT)
    report.add("instructions: the loop around them, taken off", [loop], _UNIT)
    return report


async def _instructions(valgrind: str, name: str, count: int, at_once: asyncio.Semaphore) -> int:
    async with at_once:
        process = await asyncio.create_subprocess_exec(
            valgrind,
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            sys.executable,
            *("-m", "tests.benchmarks.instructions.workload", name, str(count)),
            stdout=DEVNULL,
            stderr=PIPE,
            cwd=ROOT,
            # Dictionaries of strings would be laid out differently in each process.
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        _, said = await process.communicate()
    found = _COLLECTED.search(said)
    if process.returncode or found is None:
        raise RuntimeError(f"valgrind could not run {name!r}:\n{said.decode(errors='replace')}")
    return int(found[1])
