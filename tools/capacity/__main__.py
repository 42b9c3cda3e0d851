"""Print what a hub needs: ``make capacity``, or ``python -m tools.capacity``."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from tools.capacity.coefficients import MEASURED, Coefficients, TlsKind
from tools.capacity.model import Load, needs, needs_of_any
from tools.capacity.tables import tables


def main() -> None:
    """Print the tables of ``docs/capacity.md``, or what one load needs."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.capacity",
        description="What a hub needs. Without a number of devices: the tables of the document.",
    )
    parser.add_argument("--devices", type=int, help="half of them chargers, half widgets")
    parser.add_argument("--interval", type=float, default=10, help="seconds between readings")
    parser.add_argument("--burst", type=float, default=1, help="times as many for a while")
    parser.add_argument("--partitions", type=int, help="as they are set, not as they suit best")
    parser.add_argument(
        "--tls", choices=(*get_args(TlsKind), "balancer"), help="devices connect with TLS"
    )
    parser.add_argument(
        "--replicas", choices=("counted", "waited-for"), help="what those of Redis cost it"
    )
    parser.add_argument("--coefficients", type=Path, default=MEASURED, help="another file")
    arguments = parser.parse_args()
    try:
        c = Coefficients.load(arguments.coefficients)
        if arguments.tls == "balancer":
            c = c.with_tls_at_balancer()
        elif arguments.tls:
            c = c.with_tls(arguments.tls)
        if arguments.replicas:
            c = c.with_replicas(waits=arguments.replicas == "waited-for")
        if arguments.devices is None:
            sys.stdout.write(tables(c))
            return
        half = arguments.devices // 2
        load = Load(half, half, arguments.interval, arguments.burst)
        if arguments.partitions:
            found = needs(load, c.with_partitions(arguments.partitions))
        else:
            found = needs_of_any(load, c)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    for name in found.__slots__:
        value = getattr(found, name)
        entries = value.items() if isinstance(value, dict) else [("", value)]
        for part, figure in entries:
            text = f"{figure:,.2f}" if isinstance(figure, float) else str(figure)
            sys.stdout.write(f"{f'{name} {part}'.replace('_', ' '):<44} {text:>12}\n")


if __name__ == "__main__":
    main()
