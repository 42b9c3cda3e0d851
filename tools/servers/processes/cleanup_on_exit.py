"""A command that runs if we end without cleaning up: for containers, which have no parent.

A process that we start has a supervisor (`supervisor.py`). A container belongs to the engine and
outlives the process that started it. So a small process waits at the end of a pipe that only we
hold. The kernel closes that pipe when we end, however we end; then the process runs the command.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CANCELLED = b"cancelled"


class CleanupOnExit:
    """Runs a command when this process ends, unless `cancel` was called before.

    Args:
        command: what to run, without a terminal and with its output thrown away.
        cwd: the folder to run it in; None means ours.
    """

    def __init__(self, command: Sequence[str], cwd: Path | None = None) -> None:
        self._waiting = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=cwd,
        )

    def cancel(self) -> None:
        """Do not run the command; call it once everything is cleaned up."""
        self._waiting.communicate(CANCELLED)


def main(command: Sequence[str]) -> None:
    """Wait for the pipe's end, then run the command unless it was cancelled."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    received = b""
    while piece := os.read(0, 64):
        received += piece
    if received != CANCELLED:
        subprocess.run(command, check=False)


if __name__ == "__main__":
    main(sys.argv[1:])
