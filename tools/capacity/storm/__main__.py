"""Simulate a storm: ``make simulate-storm``, or ``python -m tools.capacity.storm --help``.

Without arguments: a million devices whose network is cut, on the hub that the model says
they need.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from tools.capacity.coefficients import MEASURED, Coefficients, TlsKind
from tools.capacity.model import Load, needs
from tools.capacity.storm.outcome import Outcome, quantile
from tools.capacity.storm.rules import RULES
from tools.capacity.storm.scenario import Scenario
from tools.capacity.storm.simulation import simulate

COLUMNS = (
    "| Rule | 50 % lit after, s | 99 % | all | attempts per device | given up | 503 | cut off "
    "| packets dropped | not back |"
)


def main() -> None:
    """Simulate one storm, or (``--compare``) the same one under each of the devices' rules."""
    arguments = _arguments()
    try:
        c = Coefficients.load(arguments.coefficients)
        if arguments.tls:
            c = c.with_tls(arguments.tls)
        scenario = _scenario(arguments, c)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    sys.stdout.write(f"{_describe(scenario)}\n\n")
    sys.stdout.write(f"{COLUMNS}\n{'|---' * (COLUMNS.count('|') - 1)}|\n")
    started = time.process_time()
    for name in RULES if arguments.compare else [arguments.rule]:
        outcome = simulate(replace(scenario, delay=RULES[name]), c)
        sys.stdout.write(f"{row(name, outcome)}\n")
        sys.stdout.flush()
    if not arguments.compare:
        _print_details(outcome, time.process_time() - started)


def row(name: str, outcome: Outcome) -> str:
    """Return one line of the table of rules."""
    values = (
        *(_seconds(quantile(outcome.relit, share)) for share in (0.5, 0.99, 1.0)),
        f"{outcome.attempts / outcome.lost:.2f}",
        f"{outcome.given_up:,}",
        f"{sum(outcome.refused.values()):,}",
        f"{outcome.cut_off:,}",
        f"{outcome.dropped:,}",
        f"{outcome.not_back:,}",
    )
    return f"| {name} | " + " | ".join(values) + " |"


def _print_details(outcome: Outcome, seconds: float) -> None:
    sys.stdout.write("\n")
    for what, times in (
        ("widgets lit after", outcome.relit),
        ("readings stored after", outcome.stored),
        ("handshakes took", outcome.handshake_seconds),
    ):
        shares = ", ".join(
            f"{label} {_seconds(quantile(times, share))}"
            for label, share in (("p50", 0.5), ("p99", 0.99), ("all", 1.0))
        )
        sys.stdout.write(f"{what:<24} {shares} s  ({len(times):,})\n")
    for why, count in outcome.refused.items():
        sys.stdout.write(f"{'503: ' + why:<24} {count:,}\n")
    for part, waited in outcome.waits.items():
        sys.stdout.write(
            f"{part:<24} {outcome.busy[part]:6.1f} s of work, {waited:.2f} s of waiting at most\n"
        )
    sys.stdout.write(f"{'(simulated in':<24} {seconds:.0f} s of CPU)\n")


def _scenario(arguments: argparse.Namespace, c: Coefficients) -> Scenario:
    half = arguments.devices // 2
    sized = needs(Load(half, half, arguments.interval), c)
    gateways = arguments.gateways or sized.gateways
    nodes = arguments.redis_nodes or sized.redis_nodes
    killed = min(arguments.killed, gateways)
    # Devices whose network was cut send nothing meanwhile.
    others = 1.0 if killed else 0.0
    return Scenario(
        devices=arguments.devices,
        gateways=gateways,
        killed=killed,
        redis_nodes=nodes,
        routers=sized.routers,
        balancers=arguments.balancers,
        delay=RULES[arguments.rule],
        restart_seconds=arguments.restart,
        gateway_busy=min(0.9, others * sized.gateway_cores / gateways),
        redis_busy=min(0.9, others * sized.redis_cores / nodes),
        credentials=arguments.credentials,
        directory_seconds=arguments.directory,
        horizon_seconds=arguments.horizon,
        seed=arguments.seed,
    )


def _describe(s: Scenario) -> str:
    what = f"{s.killed} of {s.gateways} gateways die" if s.killed else "every connection is cut"
    return (
        f"{s.devices:,} devices on {s.gateways} gateways, {s.redis_nodes} Redis, "
        f"{s.routers} routers, "
        f"{s.balancers or 'no'} load balancer cores: {what}, {s.lost:,} devices come back"
    )


def _seconds(value: float) -> str:
    return f"{value:.1f}" if value != float("inf") else "never"


def _arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.capacity.storm", description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--gateways", type=int, help="processes (default: what the model says)")
    parser.add_argument("--killed", type=int, default=0, help="gateways that die (0: network cut)")
    parser.add_argument("--restart", type=float, help="seconds until they run again")
    parser.add_argument("--redis-nodes", type=int, help="primaries (default: what the model says)")
    parser.add_argument("--balancers", type=int, default=4, help="cores (0: none)")
    parser.add_argument("--rule", choices=RULES, default="firmware", help="how devices come back")
    parser.add_argument("--compare", action="store_true", help="all rules, one after the other")
    parser.add_argument("--interval", type=float, default=10, help="seconds between readings")
    parser.add_argument("--credentials", action="store_true", help="each device has a secret")
    parser.add_argument("--tls", choices=get_args(TlsKind), help="they connect with TLS")
    parser.add_argument("--directory", type=float, default=0, help="seconds without a directory")
    parser.add_argument("--horizon", type=float, default=300, help="seconds to simulate at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coefficients", type=Path, default=MEASURED, help="another file")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
