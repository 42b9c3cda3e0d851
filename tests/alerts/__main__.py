"""``make alerts``: every alert fired by its real cause, with the true durations of the rules.

It takes hours. ``--divisor 20`` is what the tests do: minutes. Each row is printed once it
is known, and all of them as a table at the end.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.alerts.causes.running import LONG, ONLY_BY_PROMTOOL, Row, run_hub
from tests.alerts.causes.watch import missing_program

PATIENCE_SECONDS = 4 * 3600.0
"""What fires last, or clears last, takes an hour."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.alerts", description=__doc__)
    parser.add_argument("--divisor", type=int, default=1, help="divide all durations by this")
    divisor = parser.parse_args().divisor
    missing = missing_program()
    if missing is not None:
        sys.stderr.write(f"{missing}\n")
        return 2
    rows = asyncio.run(run_all(divisor))
    sys.stdout.write("\n".join([*table(rows), ""]))
    return 0 if all(None not in (row.fired, row.cleared) for row in rows) else 1


async def run_all(divisor: int) -> list[Row]:
    """Run all hubs at the same time."""
    patience = max(PATIENCE_SECONDS / divisor, 200.0)
    with tempfile.TemporaryDirectory() as folder:
        running = [
            run_hub(hub, Path(folder) / hub.name, divisor, patience, tell=tell) for hub in LONG
        ]
        return [row for rows in await asyncio.gather(*running) for row in rows]


def table(rows: list[Row]) -> list[str]:
    """Return the rows as a table in Markdown."""
    lines = ["| Alert | Cause | Fired after | Cleared after |", "|---|---|---|---|"]
    lines += [line_of(row) for row in sorted(rows, key=lambda row: row.alert)]
    lines += [f"| {name} | only by promtool: {why} | | |" for name, why in ONLY_BY_PROMTOOL.items()]
    return lines


def line_of(row: Row) -> str:
    return f"| {row.alert} | {row.cause} | {seconds(row.fired)} | {seconds(row.cleared)} |"


def tell(row: Row) -> None:
    """Print a row at once, for who does not wait for hours."""
    sys.stderr.write(f"{line_of(row)}\n")


def seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
