"""The matrix of faults as a table."""

import statistics
from collections.abc import Sequence

from tests.faults.catalogue import FAULTS
from tests.faults.results import Result


def as_markdown(results: Sequence[Result]) -> str:
    """Return one line per fault: runs, recovery (median and worst), wrong lights."""
    lines = ["| Fault | Runs | Median | Worst | Wrong lights |", "|---|---|---|---|---|"]
    for name, fault in FAULTS.items():
        mine = [result for result in results if result.row == name]
        if not mine:
            continue
        # In the silent runs most lights need no recovering: they would flatter the figures.
        times = [one.recovery for one in mine if one.recovery is not None and not one.silent]
        median = f"{statistics.median(times):.2f} s" if times else "never"
        worst = f"{max(times):.2f} s" if times else "never"
        bad = sum(1 for result in mine if result.violations)
        lines.append(
            f"| {fault.title} (`{name}`) | {len(mine)} | {median} | {worst} | {bad or 'none'} |"
        )
    return "\n".join(lines)
