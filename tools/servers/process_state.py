"""Waiting until a signal has had its effect on a process."""

import sys
import time
from contextlib import suppress
from pathlib import Path

TIMEOUT_SECONDS = 5.0
STOPPED = "T"


def wait_until_stopped(pid: int) -> None:
    """Return once a process that got SIGSTOP really stands still.

    The signal is only noted at first: a process busy on the other core runs on for a moment.
    Known to Linux; elsewhere that moment is waited for without looking.

    Raises:
        TimeoutError: it still runs.
    """
    if sys.platform != "linux":
        time.sleep(0.05)
        return
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        with suppress(
            FileNotFoundError, ProcessLookupError
        ):  # it has ended: it stands as still as can be
            # The state follows the name in parentheses, which may itself hold anything.
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != STOPPED:
                time.sleep(0.001)
                continue
        return
    raise TimeoutError(f"process {pid} goes on running after SIGSTOP")
