"""Running a part of the tests on another Redis than the rest of the run, or secured."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence

from tests.fixtures.processes import ROOT

SECONDS = 250.0


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
