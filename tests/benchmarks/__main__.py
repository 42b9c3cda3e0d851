"""Run benchmarks: ``make bench ARGS="ingest relay --json out.json"``."""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import uvloop

from tests.benchmarks import machine
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options

Measure = Callable[[Options], Coroutine[Any, Any, Report]]

TARGETS: Final = {
    "versions": "CPU per reading, latency and highest rate of another version and of this one",
    "ingest": "readings into a gateway, as a ratio to a server that does nothing",
    "relay": "readings from chargers to widgets: highest rate, latencies, CPU per message",
    "idle": "memory and CPU of 10,000 and 50,000 connections that say nothing",
    "storm": "10,000 devices cut off at once: the time until all have their light again",
    "scale": "CPU per message with more gateways, routers, connections; Redis Cluster",
    "capacity": "what docs/capacity.md predicts for 1,000, 10,000 and 50,000 devices",
    "doorbells": "CPU of reading a published message, in three ways",
    "ocpp_messages": "decoding and checking OCPP's MeterValues, as a ratio to its schemas",
    "instructions": "instructions of the functions that run for each message",
    "tls": "a handshake, a reading and an idle connection with TLS, with mTLS and without",
    "imports": "imports of 1,000 to 200,000 devices and hostile files: time, memory, others' waits",
    "scrape": "series and duration of a scrape, with 10 and 10,000 devices, and with workers",
    "replicas": "waiting for a replica of Redis: latency, highest rate, receipts, CPU per reading",
    "estimate": "how often a phone was ready within the range that was estimated",
    "door": "attacks on the door: what honest devices and operators notice, beside a control",
}
"""What can be measured, and what that is; each is a package with a module `benchmark`."""
USUAL: Final = ("ingest", "relay")
"""What is measured if nothing is named: the two that changes to the hot path show in."""


def main() -> None:
    """Measure what is asked for, one after the other; print it, and write it if asked to."""
    listed = "\n".join(f"  {name:<14}{text}" for name, text in TARGETS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description=f"{__doc__}\n\ntargets:\n{listed}\n  all",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, "all", []], metavar="target")
    parser.add_argument("--quick", action="store_true", help="seconds only; figures mean nothing")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each measurement")
    parser.add_argument("--connections", type=int, help="in place of a benchmark's own number")
    against = "versions: in place of the last release; may be given again"
    parser.add_argument("--against", metavar="COMMIT", action="append", default=[], help=against)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found there")
    asked = parser.parse_args()
    options = Options(asked.quick, asked.rounds, asked.connections, tuple(asked.against))
    names = list(TARGETS) if "all" in asked.targets else asked.targets or USUAL
    found = Report()
    about = machine.describe()
    _say("\n".join(f"{name:<14}{fact}" for name, fact in about.items()))
    for name in names:
        began = time.monotonic()
        # uvloop, as the services: some of their parts are measured in this process.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            report = runner.run(measure_of(name)(options))
        found.merge(report)
        _say(f"\n{name} ({time.monotonic() - began:.0f} s)\n{report}")
        if asked.json is not None:  # after each one: a later one may fail
            found.write(asked.json, about)


def measure_of(target: str) -> Measure:
    module = import_module(f"tests.benchmarks.{target}.benchmark")
    measure: Measure = module.measure
    return measure


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
