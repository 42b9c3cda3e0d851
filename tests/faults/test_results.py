"""The file of results: what is written is read again, and rows of other code are due."""

from pathlib import Path

import pytest

from tests.faults import results
from tests.faults.results import Due, Result
from tests.faults.running import Run

RUN = Run("gateway-killed", 3, silent=False, recovery=0.1234, violations=["a", "b"], notes=["x, y"])


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    written = [Result.of(RUN, "c1"), Result.of(Run("rolling", 4, silent=True), "c2")]
    for one in written:
        results.append(one, file)
    assert results.read(file) == written
    assert written[0].recovery == 0.12
    assert written[0].violations == 2
    assert results.read(tmp_path / "none.csv") == []


def test_a_row_is_due_while_it_lacks_runs_of_the_present_code() -> None:
    recorded = [Result.of(RUN, commit) for commit in ("old", "old", "new")]
    wanted = [("gateway-killed", 1), ("gateway-killed", 3), ("rolling", 2)]
    assert results.due(wanted, recorded, lambda commit: commit == "new") == [
        Due("gateway-killed", 2, 2),
        Due("rolling", 2, 0),
    ]


def test_changed_code_is_noticed() -> None:
    present = results.present_commit()
    assert results.is_current(present) or present.endswith("+")
    assert not results.is_current("no commit")


@pytest.mark.parametrize(
    ("name", "before", "after", "is_same"),
    [
        ("a.py", '"""One."""\nX = 1  # why\n"""Two."""\n', '"""Three."""\n\nX = 1\n', True),
        ("a.py", 'def f():\n    """Do."""\n    g()\n', "def f():\n    g()\n", True),
        ("a.py", "def f():\n    g()\n", "def f():\n    h()\n", False),
        ("a.py", 'X = "one"\n', 'X = "two"\n', False),
        ("a.lua", "-- why\nlocal x = 1\n", "local x = 1\n", True),
        ("a.lua", "local x = 1\n", "local x = 2\n", False),
        ("a.sql", "-- why\n", "-- how\n", False),
    ],
)
def test_only_what_it_does_makes_code_another(
    name: str, before: str, after: str, *, is_same: bool
) -> None:
    same = results.without_comments(name, before) == results.without_comments(name, after)
    assert same is is_same


def test_the_lines_in_the_tree_can_be_read() -> None:
    assert all(result.row for result in results.read())
