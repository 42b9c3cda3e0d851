"""Running a part of the tests on another Redis than the rest of the run, or secured."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from tests.fixtures.processes import ROOT

SECONDS: Final = 900.0
"""A part that takes two minutes takes several times as long on a machine that is busy."""

takes_long: Final = pytest.mark.timeout(SECONDS + 60)
"""For the tests of parts: how long any other test may take is too little for so many."""


async def pass_on(setting: Mapping[str, str], files: Sequence[str], in_use: str) -> None:
    """Fail unless the tests pass with a variable, on the Redis whose name is in the output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"),
        *(f"tests/integration/{name}" for name in files),
        cwd=ROOT,
        env={**os.environ, **setting},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    text = output.decode(errors="replace")
    assert process.returncode == 0, text
    assert " passed" in text
    assert in_use in text
