"""Runs a service whose wall clock is wrong: ``python -m tests.faults.shifted_clock 60 MODULE``."""

import runpy
import sys
import time


def shift(seconds: float) -> None:
    """Put this process's wall clock forward (or back) by so many seconds."""
    real_time, real_time_ns = time.time, time.time_ns
    time.time = lambda: real_time() + seconds
    time.time_ns = lambda: real_time_ns() + round(seconds * 1e9)


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    runpy.run_module(sys.argv[2], run_name="__main__", alter_sys=True)
