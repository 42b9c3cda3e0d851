"""Run the benchmarks: ``make bench``, or ``python -m tests.benchmarks [--json] [--rounds N]``."""

import argparse
import asyncio
import json
import platform
import sys

from tests.benchmarks.relay import measure


def main() -> None:
    """Measure and print, for people or (with ``--json``) for programs."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement")
    parser.add_argument("--messages", type=int, default=400, help="messages per round")
    arguments = parser.parse_args()
    results = asyncio.run(measure(arguments.rounds, arguments.messages))
    results["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    if arguments.json:
        sys.stdout.write(json.dumps(results) + "\n")
        return
    for name, value in results.items():
        sys.stdout.write(f"{name:<34} {value}\n")


main()
