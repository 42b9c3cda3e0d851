"""``python -m tests.fuzz TARGET``: run very many inputs, and say how deep they reached.

The seed repeats a run. On a finding the input is printed as a literal for Python, to be
added to the target's seeds, and the program exits with 1.

The engine ``random`` needs nothing. The engine ``atheris`` is led by coverage; it has to
be installed beside the project's packages.
"""

import argparse
import contextlib
import importlib
import logging
import sys
from typing import Final

from tests.fuzz.engines import Report, instrumented, run_coverage, run_random
from tests.fuzz.target import Target

TARGETS: Final = ("handshake", "frames", "fast_frames", "readings", "ocpp")


def target_named(name: str) -> Target:
    """Import a target and return it: only then is what it imports instrumented."""
    module = importlib.import_module(f"tests.fuzz.{name}_target")
    target: Target = getattr(module, f"{name.title().replace('_', '')}Target")()
    return target


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs of each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["random", "atheris"], default="random")
    arguments = parser.parse_args()
    # A finding says what is wrong; the library's own words would come a million times.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    names = TARGETS if arguments.target == "all" else (arguments.target,)
    if arguments.engine == "atheris" and len(names) > 1:
        parser.error("atheris takes one target: it ends the process")
    found = False
    for name in names:
        report = Report(name, arguments.engine, arguments.seed)
        with instrumented() if arguments.engine == "atheris" else contextlib.nullcontext():
            target = target_named(name)
        if arguments.engine == "atheris":
            run_coverage(target, report, arguments.runs, _say)
        _say(run_random(target, report, arguments.runs))
        found = found or report.finding is not None
    return 1 if found else 0


def _say(report: Report) -> None:
    sys.stdout.write(f"{report}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
