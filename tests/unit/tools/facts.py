"""Waiting for facts about processes."""

import os
import time
from collections.abc import Callable
from pathlib import Path

DEADLINE_SECONDS = 30.0


def wait_until(fact: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


def lives(pid: int) -> bool:
    """Whether the process runs; one that ended and waits to be reaped does not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)  # noqa: TID251 - sends nothing
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
