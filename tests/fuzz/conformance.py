"""``python -m tests.fuzz.conformance``: the Autobahn test suite against the gateway's code.

The suite (autobahntestsuite 0.8.2, https://github.com/crossbario/autobahn-testsuite) is a
program for Python 2.7. Give the interpreter it is installed for with ``--python2``, or its
program ``wstest`` in the variable CHARGELIGHT_TEST_AUTOBAHN or on the PATH. The cases of
compression (12 and 13) are left out: the gateway accepts no extension.

Exits with 1 if a case fails for a reason that is not known, and with 3 if the suite is missing.
"""

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import uvloop

from tests.fuzz.echo_server import HOST, PATH, SERVERS

VARIABLE: Final = "CHARGELIGHT_TEST_AUTOBAHN"
_COMPRESSION: Final = ("12.*", "13.*")
_RUN: Final = "from autobahntestsuite import wstest; wstest.run()"
_MISSING_EXIT: Final = 3
_PASSED: Final = ("OK", "NON-STRICT", "INFORMATIONAL")
_MOST_SECONDS: Final = 3600.0

_FRAGMENTS: Final = "it takes no message in more than 4,096 fragments"
EXPLAINED: Final[dict[str, dict[str, str]]] = {
    "gateway": {},
    "library": {
        "7.1.5": "a close frame between fragments is taken for an error, and gets 1002",
        **{f"9.{group}.{case}": _FRAGMENTS for group in (3, 4) for case in (1, 2, 3)},
    },
}
"""Cases that a server fails, and why."""
_AHEAD: Final = "good messages in one segment with an error are parsed with it: no echo"
_LATE: Final = "text is checked when its message is whole (1 KiB in a gateway), not before"
NOT_STRICT: Final = {
    **dict.fromkeys(("3.2", "3.3", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4"), _AHEAD),
    **dict.fromkeys(("4.2.5", "5.15"), _AHEAD),
    **{f"6.4.{case}": _LATE for case in (1, 2, 3, 4)},
}
"""Cases that pass, but not in the strictest way."""


class MissingSuiteError(Exception):
    """The test suite is not installed where it was looked for."""


class Case(NamedTuple):
    number: str
    behavior: str
    closing: str
    result: str
    """What the suite says about it."""


async def find_suite(python2: str | None) -> list[str]:
    """Return the command that starts the suite.

    Raises:
        MissingSuiteError: There is none; it says what is missing.
    """
    program = os.environ.get(VARIABLE) or shutil.which("wstest")
    if program and not python2:
        if not os.access(program, os.X_OK):
            raise MissingSuiteError(f"{VARIABLE} names {program}, which is no program")
        return [program]
    interpreter = python2 or shutil.which("python2.7")
    if interpreter is None or shutil.which(interpreter) is None:
        raise MissingSuiteError("there is no Python 2.7 (--python2 PATH), which the suite needs")
    asking = await asyncio.create_subprocess_exec(
        interpreter, "-c", "import autobahntestsuite", stderr=asyncio.subprocess.DEVNULL
    )
    if await asking.wait():
        raise MissingSuiteError(f"autobahntestsuite is not installed for {interpreter}")
    return [interpreter, "-c", _RUN]


async def run_suite(suite: Sequence[str], server: str, cases: Sequence[str]) -> list[Case]:
    """Run cases (such as ``1.*``) against one of the servers and return what became of them.

    Raises:
        RuntimeError: The suite itself failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        async with SERVERS[server]() as port:
            specification = Path(folder) / "specification.json"
            specification.write_text(
                json.dumps(
                    {
                        "outdir": folder,
                        "servers": [{"agent": server, "url": f"ws://{HOST}:{port}{PATH}1"}],
                        "cases": list(cases),
                        "exclude-cases": list(_COMPRESSION),
                        "exclude-agent-cases": {},
                    }
                )
            )
            running = await asyncio.create_subprocess_exec(
                *suite,
                *("--mode", "fuzzingclient", "--spec", str(specification)),
                cwd=folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                said, _ = await asyncio.wait_for(running.communicate(), _MOST_SECONDS)
            finally:
                if running.returncode is None:
                    running.kill()
        index = Path(folder) / "index.json"
        if running.returncode or not index.exists():
            raise RuntimeError(f"the suite failed: {said.decode(errors='replace')[-2000:]}")
        return _cases_in(index, server)


def _cases_in(index: Path, server: str) -> list[Case]:
    found = []
    reports: dict[str, dict[str, Any]] = json.loads(index.read_text())[server]
    for number, summary in reports.items():
        # Some payloads are no text in any encoding.
        text = (index.parent / summary["reportfile"]).read_text("utf-8", errors="replace")
        details = json.loads(text, strict=False)
        result = f"{details['result']} {details['resultClose']}"
        found.append(Case(number, summary["behavior"], summary["behaviorClose"], result))
    return sorted(found, key=lambda case: [int(part) for part in case.number.split(".")])


def unexplained(server: str, cases: Sequence[Case]) -> list[Case]:
    """Return the cases that a server fails for no known reason."""
    return [
        case
        for case in cases
        if (case.behavior not in _PASSED or case.closing not in _PASSED)
        and case.number not in EXPLAINED[server]
    ]


def summary_of(server: str, cases: Sequence[Case]) -> str:
    """Return the counts, and a line for each case that did not pass strictly."""
    counts = Counter(case.behavior for case in cases)
    closings = Counter(case.closing for case in cases)
    lines = [
        f"{server}: {len(cases)} cases",
        "  behavior: " + ", ".join(f"{n} {name}" for name, n in counts.most_common()),
        "  closing:  " + ", ".join(f"{n} {name}" for name, n in closings.most_common()),
    ]
    for case in cases:
        if case.behavior == "OK" and case.closing in _PASSED:
            continue
        known = NOT_STRICT if case.behavior == "NON-STRICT" else EXPLAINED[server]
        why = known.get(case.number, case.result)
        lines.append(f"  {case.number:<8} {case.behavior} / {case.closing}: {why}")
    return "\n".join(lines)


async def main() -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz.conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--python2", help="the Python 2.7 that the suite is installed for")
    parser.add_argument("--server", choices=[*SERVERS, "both"], default="both")
    parser.add_argument("--cases", nargs="+", default=["*"], help='such as "1.*" "5.*"')
    arguments = parser.parse_args()
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    try:
        suite = await find_suite(arguments.python2)
    except MissingSuiteError as missing:
        sys.stderr.write(f"The Autobahn test suite cannot be run: {missing}.\n")
        return _MISSING_EXIT
    bad: list[Case] = []
    for server in SERVERS if arguments.server == "both" else (arguments.server,):
        started = time.monotonic()
        cases = await run_suite(suite, server, arguments.cases)
        sys.stdout.write(f"{summary_of(server, cases)}\n")
        sys.stdout.write(f"  took {time.monotonic() - started:.0f} s\n")
        sys.stdout.flush()
        bad += unexplained(server, cases)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
