"""The matrix of faults as a table."""

import statistics
from collections.abc import Sequence

from tests.faults.catalogue import FAULTS
from tests.faults.running import Run


def as_markdown(runs: Sequence[Run]) -> str:
    """Return one line per fault: runs, recovery (median and worst), violations."""
    lines = ["| Fault | Runs | Median | Worst | Wrong lights |", "|---|---|---|---|---|"]
    for name, fault in FAULTS.items():
        mine = [run for run in runs if run.what == name]
        if not mine:
            continue
        # In the silent runs most lights need no recovering: they would flatter the figures.
        times = [run.recovery for run in mine if run.recovery is not None and not run.silent]
        median = f"{statistics.median(times):.2f} s" if times else "never"
        worst = f"{max(times):.2f} s" if times else "never"
        bad = sum(1 for run in mine if run.violations)
        lines.append(
            f"| {fault.title} (`{name}`) | {len(mine)} | {median} | {worst} | {bad or 'none'} |"
        )
    return "\n".join(lines)
