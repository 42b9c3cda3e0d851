"""Takes a backup in a process of its own, with the command that operators use.

It reads the same settings from the environment. So the registry answers as fast as before, and a
disk that hangs holds nothing else up.
"""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path
from typing import Final

COMMAND: Final = (sys.executable, "-m", "services.registry", "backup")
_LONGEST_SECONDS: Final = 3600.0
"""A Postgres that is suspended keeps a connection open for ever."""
_TIDY_SECONDS: Final = 1.0
_NICENESS: Final = 10


class BackupFailedError(Exception):
    """There is no new backup; the text says why, and holds nothing that is secret."""


async def take_in_child(
    path: Path, command: Sequence[str] = COMMAND, within: float = _LONGEST_SECONDS
) -> None:
    """Write a backup to a file, which appears whole or not at all.

    Raises:
        BackupFailedError: It could not be taken, or took longer than ``within`` seconds.
        OSError: No process could be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command, str(path), stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    try:
        with contextlib.suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        async with asyncio.timeout(within):
            _, errors = await process.communicate()
    except TimeoutError as error:
        raise BackupFailedError(f"it took longer than {within:.0f} s") from error
    finally:
        await _end(process)
    if process.returncode:
        said = errors.decode(errors="replace").strip().removeprefix("chargelight-registry: ")
        raise BackupFailedError(said or f"its process ended with {process.returncode}")


async def _end(process: Process) -> None:
    """End a process that still runs; asked to end, it leaves no half file."""
    if process.returncode is not None:
        return
    try:
        process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TIDY_SECONDS):
                await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
