"""The machine's time as spans have it."""

import time


def time_ns(seconds_ago: float = 0.0) -> int:
    """Return when that was, in ns since 1970."""
    return time.time_ns() - round(seconds_ago * 1_000_000_000)
