"""``python -m tests.faults``: the matrix of faults, random sequences of them, a soak.

Every run has a seed, which is printed, and repeats what was drawn:
``python -m tests.faults matrix --row gateway-killed --runs 1 --seed 7``.
``CHARGELIGHT_TEST_DIALECT=ocpp1.6`` (or ``ocpp2.0.1``) has all chargers speak OCPP; such runs are
not for the record.
With ``--record`` each run is added to ``tests/faults/results.csv``; ``due`` says which rows lack
runs of the present code, and ``table`` prints the matrix of what is recorded for it.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvloop

from tests.faults import results, soak
from tests.faults.booth import open_booth
from tests.faults.catalogue import FAULTS
from tests.faults.matrix import as_markdown
from tests.faults.results import Result
from tests.faults.running import Run, run_fault, run_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

LOGS = Path(__file__).resolve().parents[2] / ".cache" / "faults"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the results to this file too")
    parser.add_argument(
        "--record", action="store_true", help=f"add each run to {results.FILE.name}"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("due", help="name the rows that lack runs of the present code")
    commands.add_parser("table", help="print the matrix of what is recorded for the present code")
    matrix = commands.add_parser("matrix", help="every fault, so often")
    matrix.add_argument("--due", action="store_true", help="only what `due` names")
    matrix.add_argument("--row", action="append", choices=FAULTS, help="only this one; repeatable")
    matrix.add_argument("--runs", type=int, help="of each row, in place of its own number")
    matrix.add_argument("--seed", type=int, default=1, help="of the first run of each row")
    sequences = commands.add_parser("sequences", help="random faults, one soon after the other")
    sequences.add_argument("--count", type=int, default=100)
    sequences.add_argument("--length", type=int, default=5)
    sequences.add_argument("--seed", type=int, default=1, help="of the first sequence")
    sequences.add_argument(
        "--faults", type=lambda text: text.split(","), default=[], help="these, comma-separated"
    )
    soaking = commands.add_parser("soak", help="steady load, and a fault every minute")
    soaking.add_argument("--minutes", type=float, default=30)
    soaking.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    work: dict[str, Callable[[argparse.Namespace], Coroutine[Any, Any, int]]] = {
        "due": _due,
        "table": _table,
        "matrix": _matrix,
        "sequences": _sequences,
        "soak": _soak,
    }
    return uvloop.run(work[arguments.command](arguments))


async def _due(_: argparse.Namespace) -> int:
    lacking = _lacking()
    for one in lacking:
        why = f", {one.outdated} of other code" if one.outdated else ""
        sys.stdout.write(f"{one.row}: {one.lacking} runs{why}\n")
    sys.stdout.write(f"{len(lacking)} of {len(FAULTS)} rows are due\n")
    return 0


async def _table(_: argparse.Namespace) -> int:
    sys.stdout.write(as_markdown(results.of_present_code(results.read())) + "\n")
    return 0


def _lacking() -> list[results.Due]:
    wanted = [
        (name, fault.runs) for name, fault in FAULTS.items() if fault.unavailable_because() is None
    ]
    return results.due(wanted, results.read())


async def _matrix(arguments: argparse.Namespace) -> int:
    runs: list[Run] = []
    lacking = {one.row: one.lacking for one in _lacking()} if arguments.due else {}
    for name in arguments.row or lacking or FAULTS:
        fault = FAULTS[name]
        because = fault.unavailable_because()
        if because is not None:
            sys.stdout.write(f"{name} is not run: {because}\n")
            continue
        first = arguments.seed + fault.runs - lacking.get(name, fault.runs)
        logs = LOGS / f"{name}-{first}"
        logs.mkdir(parents=True, exist_ok=True)
        async with open_booth(first, logs=logs) as booth:
            for number in range(arguments.runs or lacking.get(name, fault.runs)):
                runs.append(await run_fault(booth, fault, first + number))
                _on_run(runs, arguments)
    commit = results.present_commit()
    sys.stdout.write("\n" + as_markdown([Result.of(run, commit) for run in runs]) + "\n")
    return _verdict(runs)


async def _sequences(arguments: argparse.Namespace) -> int:
    runs: list[Run] = []
    for number in range(arguments.count):
        seed = arguments.seed + number
        logs = LOGS / f"sequence-{seed}"
        logs.mkdir(parents=True, exist_ok=True)
        async with open_booth(seed, logs=logs) as booth:
            runs.append(await run_sequence(booth, arguments.length, seed, arguments.faults))
            _on_run(runs, arguments)
    return _verdict(runs)


async def _soak(arguments: argparse.Namespace) -> int:
    logs = LOGS / f"soak-{arguments.seed}"
    logs.mkdir(parents=True, exist_ok=True)
    async with open_booth(arguments.seed, logs=logs) as booth:
        report = await soak.soak(booth, arguments.minutes * 60, arguments.seed, _say)
    sys.stdout.write("\n" + soak.as_markdown(report) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1))
    return 1 if report["violations"] else 0


def _say(run: Run) -> None:
    took = "never" if run.recovery is None else f"{run.recovery:6.2f} s"
    state = "VIOLATED" if run.violations else "right"
    sys.stdout.write(
        f"{time.strftime('%H:%M:%S')} {state:8} {took}  seed {run.seed:<5} {run.what}"
        f"  ({'; '.join(run.notes)})\n"
    )
    for violation in run.violations:
        sys.stdout.write(f"         {violation}\n")
    sys.stdout.flush()


def _on_run(runs: list[Run], arguments: argparse.Namespace) -> None:
    _say(runs[-1])
    if arguments.json:
        arguments.json.write_text(json.dumps([run.as_facts() for run in runs], indent=1))
    if arguments.record:
        results.append(Result.of(runs[-1], results.present_commit()))


def _verdict(runs: list[Run]) -> int:
    bad = [run for run in runs if run.violations]
    sys.stdout.write(f"{len(runs)} runs, {len(bad)} with violations\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
