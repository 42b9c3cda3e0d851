"""Waiting until a signal has had its effect on a process."""

import sys
import time
from contextlib import suppress
from pathlib import Path

TIMEOUT_SECONDS = 5.0
STOPPED = "T"


def wait_until_stopped(pid: int) -> None:
    """Return once a process that got SIGSTOP has stopped.

    A process that is busy on another core runs on for a moment. Linux tells when it has stopped;
    elsewhere this waits for a fixed time.

    Raises:
        TimeoutError: it still runs.
    """
    if sys.platform != "linux":
        time.sleep(0.05)
        return
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            # The state follows the name in parentheses, which may itself hold anything.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != STOPPED:
                time.sleep(0.001)
                continue
        return
    raise TimeoutError(f"process {pid} still runs after SIGSTOP")
