"""Run the benchmarks: ``make bench``, or ``python -m tests.benchmarks [--json] [--rounds N]``."""

import argparse
import asyncio
import json
import platform
import sys

from tests.benchmarks import imports, relay


def main() -> None:
    """Measure and print, for people or (with ``--json``) for programs."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement")
    parser.add_argument("--messages", type=int, default=400, help="messages per round")
    parser.add_argument("--devices", type=int, default=50_000, help="devices of an import")
    arguments = parser.parse_args()
    results = asyncio.run(relay.measure(arguments.rounds, arguments.messages))
    results |= asyncio.run(imports.measure(arguments.rounds, arguments.devices))
    results["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
    if arguments.json:
        sys.stdout.write(json.dumps(results) + "\n")
        return
    for name, value in results.items():
        sys.stdout.write(f"{name:<34} {value}\n")


main()
