"""A command that runs if we end without having tidied up: for containers, which have no parent.

A process that we start has a guard (`guard.py`). A container belongs to the engine, and outlives
whoever asked for it; so a small process waits at the end of a pipe that only we hold, and runs the
command when the kernel closes that pipe, which it does however we end.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

REVOKED = b"revoked"


class CleanupOnExit:
    """Stands from its making until `revoke`.

    Args:
        command: what to run, without a terminal and with its output thrown away.
        cwd: the folder to run it in; None means ours.
    """

    def __init__(self, command: Sequence[str], cwd: Path | None = None) -> None:
        self._executor = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=cwd,
        )

    def revoke(self) -> None:
        """Nothing is left to tidy up: the command does not run."""
        self._executor.communicate(REVOKED)


def main(command: Sequence[str]) -> None:
    """Wait for the pipe's end, then run the command unless the will was revoked."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    said = b""
    while piece := os.read(0, 64):
        said += piece
    if said != REVOKED:
        subprocess.run(command, check=False)


if __name__ == "__main__":
    main(sys.argv[1:])
