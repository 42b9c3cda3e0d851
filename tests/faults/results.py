"""What the runs showed, kept in the tree: a line per run, and which rows have to be run again."""

import ast
import csv
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Final, Self

from tests.faults.running import Run
from tests.fixtures.processes import ROOT

FILE: Final = Path(__file__).with_name("results.csv")
CODE: Final = (
    "services/gateway",
    "services/registry",
    "services/router",
    "services/simulator/devices",
    "shared",
)
"""What every row exercises."""


@dataclass(frozen=True, slots=True)
class Result:
    """A line of the file.

    Attributes:
        row: The fault's name; of a sequence, all of them.
        seed: Repeats it.
        silent: The chargers fell silent.
        commit: Of the code that was run, with a ``+`` if that was changed since.
        violations: How many.
        recovery: In seconds, as `running.Run` has it; empty if it never was well.
        date: When, in UTC.
        notes: What was drawn.
    """

    row: str
    seed: int
    silent: bool
    commit: str
    violations: int
    recovery: float | None
    date: str
    notes: str

    @classmethod
    def of(cls, run: Run, commit: str) -> Self:
        """Return the line of a run that has just ended."""
        return cls(
            row=run.what,
            seed=run.seed,
            silent=run.silent,
            commit=commit,
            violations=len(run.violations),
            recovery=None if run.recovery is None else round(run.recovery, 2),
            date=time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            notes="; ".join(run.notes),
        )


_COLUMNS: Final = [field.name for field in fields(Result)]


def append(result: Result, file: Path = FILE) -> None:
    """Add a line to the file."""
    is_new = not file.exists()
    with file.open("a", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, _COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(asdict(result))


def read(file: Path = FILE) -> list[Result]:
    """Return all lines of the file, the oldest first; none if there is no file."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as opened:
        return [
            Result(
                row=line["row"],
                seed=int(line["seed"]),
                silent=line["silent"] == "True",
                commit=line["commit"],
                violations=int(line["violations"]),
                recovery=float(line["recovery"]) if line["recovery"] else None,
                date=line["date"],
                notes=line["notes"],
            )
            for line in csv.DictReader(opened)
        ]


def present_commit() -> str:
    """Return the commit of the code that is run now, with a ``+`` if it was changed since."""
    commit = _git("rev-parse", "--short=12", "HEAD").stdout.strip()
    return commit if is_current(commit) else f"{commit or 'unknown'}+"


@cache
def is_current(commit: str) -> bool:
    """Tell whether the code is the same now as in a commit, apart from what only people read."""
    # A commit with a + is none that Git knows.
    changed = _git("diff", "--name-only", commit, "--", *CODE)
    return changed.returncode == 0 and all(
        _is_same(name, commit) for name in changed.stdout.splitlines()
    )


def _is_same(name: str, commit: str) -> bool:
    before, path = _git("show", f"{commit}:{name}"), ROOT / name
    if before.returncode or not path.exists():
        return False
    return without_comments(name, before.stdout) == without_comments(name, path.read_text("utf-8"))


def without_comments(name: str, text: str) -> str:
    """Return what a file does: without its comments and docstrings."""
    if name.endswith(".lua"):
        return re.sub(r"(?m)^ *--.*\n", "", text)
    if not name.endswith(".py"):
        return text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # A docstring, of an attribute too, is an expression that does nothing.
            body[:] = [one for one in body if not _is_text(one)]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)


def of_present_code(
    results: Iterable[Result], is_current: Callable[[str], bool] = is_current
) -> list[Result]:
    """Return those that were run with the code as it is."""
    return [result for result in results if is_current(result.commit)]


@dataclass(frozen=True, slots=True)
class Due:
    """A row that lacks runs.

    Attributes:
        lacking: So many runs of the present code are missing.
        outdated: So many there are of other code.
    """

    row: str
    lacking: int
    outdated: int


def due(
    wanted: Iterable[tuple[str, int]],
    results: Sequence[Result],
    is_current: Callable[[str], bool] = is_current,
) -> list[Due]:
    """Return the rows that have fewer runs of the present code than wanted."""
    current = of_present_code(results, is_current)
    found = []
    for row, runs in wanted:
        has = sum(1 for result in current if result.row == row)
        if has < runs:
            ever = sum(1 for result in results if result.row == row)
            found.append(Due(row, runs - has, ever - has))
    return found
