"""Compare two runs: ``make bench-compare A=before.json B=after.json``.

For each figure that both have: both medians, the ratio B / A, and whether their spreads overlap.
Where they overlap, the difference may be chance; where they do not, it is more than the noise
within each run. Two runs on a machine that others use may differ all the same: see
docs/performance.md.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

from tests.benchmarks.figures import Figure, Report, number, read

_NAME_WIDTH: Final = 56


def overlap(one: Figure, other: Figure) -> bool:
    """Whether some value lies within the spreads of both."""
    return one.low <= other.high and other.low <= one.high


def compare(before: Report, after: Report) -> list[str]:
    """Return a line for each figure, then which of them only one run has."""
    lines = [f"{'':<{_NAME_WIDTH}} {'A':>12} {'B':>12} {'B / A':>7}"]
    for name, one in before.figures.items():
        other = after.figures.get(name)
        if other is None:
            continue
        ratio = f"{other.median / one.median:.2f}" if one.median else "-"
        verdict = "overlap" if overlap(one, other) else "apart"
        medians = f"{number(one.median):>12} {number(other.median):>12}"
        lines.append(f"{name:<{_NAME_WIDTH}} {medians} {ratio:>7}  {verdict:<8}{one.unit}".rstrip())
    for title, some, others in (("A", before, after), ("B", after, before)):
        lines += [f"only in {title}: {name}" for name in some.figures if name not in others.figures]
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compare", description=__doc__)
    parser.add_argument("before", type=Path, help="written by `make bench ARGS=--json=FILE`")
    parser.add_argument("after", type=Path, help="the same, of another time or another code")
    asked = parser.parse_args()
    try:
        before, after = read(asked.before), read(asked.after)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    lines = compare(before[0], after[0])
    for fact, value in before[1].items():
        here = after[1].get(fact)
        if fact != "load before" and here != value:
            lines.insert(0, f"NOT THE SAME {fact}: A has {value}, B has {here}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
