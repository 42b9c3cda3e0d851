"""The threat table of docs/security.md: each row names a test that exists."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

SECURITY: Final = Path(__file__).resolve().parents[2] / "docs/security.md"
HEADER: Final = ["Who", "could", "What stops them", "Test"]
THE_SAME: Final = "the same"
"""As in the row above."""
LINK: Final = re.compile(r"\[`(test_\w+\.py)(?:::(\w+))?`\]\((\.\./tests/[\w/.]+)\)")
LEAST_ROWS: Final = 30


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def tables(text: str) -> Iterator[list[list[str]]]:
    """Yield the rows of each table, its header first."""
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, _, *rows = block.splitlines()
        yield [cells(header), *map(cells, rows)]


@cache
def functions_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return frozenset(
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def wrong_tests(cell: str) -> Iterator[str]:
    """Yield what is wrong with the tests that a row names."""
    found = LINK.findall(cell)
    if not found:
        yield "names no test, as [`test_name.py`](../tests/…) or [`test_name.py::test_…`](…)"
    for name, function, target in found:
        path = (SECURITY.parent / target).resolve()
        if not path.is_file() or path.name != name:
            yield f"there is no test {name} at {target}"
        elif function and function not in functions_in(path):
            yield f"{name} has no {function}"


def wrong_rows(text: str) -> Iterator[str]:
    for header, *rows in tables(text):
        if "Test" not in header:
            continue
        if header != HEADER:
            yield f"a table of threats begins with {HEADER}, not with {header}"
        for number, row in enumerate(rows):
            if len(row) != len(HEADER) or not all(row):
                yield f"{row}: has not {len(HEADER)} cells with something in them"
            elif number == 0 or row[-1] != THE_SAME:
                yield from (f"{row[0]}: {row[1]}: {what}" for what in wrong_tests(row[-1]))


def test_every_threat_names_a_test_that_exists() -> None:
    text = SECURITY.read_text("utf-8")
    assert list(wrong_rows(text)) == []
    threats = [row for header, *rows in tables(text) if header == HEADER for row in rows]
    assert len(threats) >= LEAST_ROWS, "or the rows above were not found"


THIS: Final = "../tests/unit/test_threat_table.py"
GOOD: Final = (
    f"| Who | could | What stops them | Test |\n|---|---|---|---|\n"
    f"| a | b | c | [`test_threat_table.py`]({THIS}) |\n"
    f"| a | b | c | the same |\n"
    f"| a | b | c | by trying: [`test_threat_table.py::wrong_rows`]({THIS}) |\n"
)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("test_threat_table.py`", "test_threats.py`"),
        ("/test_threat_table.py)", "/test_threats.py)"),
        ("::wrong_rows", "::right_rows"),
        ("by trying: [`test", "by trying: [`tost"),
        (f"[`test_threat_table.py`]({THIS})", THE_SAME),
        ("| b | c | the same", "| b |  | the same"),
        ("| b | c | the same", "| c | the same"),
        ("| Who | could |", "| Who | What they could do |"),
    ],
)
def test_a_row_that_is_not_right_is_found(good: str, bad: str) -> None:
    assert list(wrong_rows(GOOD)) == []
    assert GOOD.count(good) == 1 or good.startswith(("/test", "| b"))
    assert len(list(wrong_rows(GOOD.replace(good, bad, 1)))) == 1
