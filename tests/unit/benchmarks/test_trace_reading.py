"""What is counted as a call decides what every figure of a trace means."""

import asyncio
import runpy
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.trace_reading import Call, Recorder, Totals, Trace, listing, table

INNER = """
def inner():
    return sorted([2, 1], key=lambda number: -number)
"""
OUTER = """
def outer(inner):
    inner()
    inner()

async def waiting(sleep):
    await sleep(0)
    await sleep(0)
"""


def call(file: str, function: str = "f", depth: int = 0, task: str = "t") -> Call:
    return Call(file, function, depth, resumed=False, task=task)


@pytest.fixture
def functions(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for folder, name, text in (("in", "inner", INNER), ("in", "outer", OUTER), ("out", "o", INNER)):
        path = tmp_path / folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        for function, value in runpy.run_path(str(path)).items():
            found.setdefault(function if folder == "in" else f"{function} outside", value)
    return found


def test_calls_are_noted_in_their_order_with_what_they_are_within(
    tmp_path: Path, functions: dict[str, Any]
) -> None:
    with Recorder([tmp_path / "in"], tmp_path) as recorder:
        functions["outer"](functions["inner"])
        functions["inner outside"]()
    noted = [(call.file, call.function, call.depth) for call in recorder.take()]
    inner = [("in/inner.py", "inner", 1), *[("in/inner.py", "inner.<locals>.<lambda>", 2)] * 2]
    assert noted == [("in/outer.py", "outer", 0), *inner, *inner]
    assert recorder.take() == []


async def test_a_coroutine_that_goes_on_is_noted_each_time(
    tmp_path: Path, functions: dict[str, Any]
) -> None:
    with Recorder([tmp_path / "in"], tmp_path) as recorder:
        await asyncio.create_task(functions["waiting"](asyncio.sleep), name="waiter")
    noted = [(call.function, call.resumed, call.task) for call in recorder.take()]
    assert noted == [("waiting", again, "waiter") for again in (False, True, True)]


def test_totals() -> None:
    calls = [call("a"), call("b", "g"), call("b", "h"), call("a")]
    assert Totals.of(calls) == Totals(calls=4, functions=3, files=2, changes=2)
    assert Totals.of([]) == Totals(0, 0, 0, 0)


def test_the_reading_with_the_fewest_calls_is_the_lone_one() -> None:
    one, disturbed = [call("a")], [call("a"), call("b")]
    assert Trace([disturbed, one, disturbed], [], []).lone == one


def test_clearing_is_what_no_task_does_that_runs_anyway() -> None:
    sweep, clear = call("a", task="sweep"), call("a", task="clear")
    trace = Trace([], [[sweep, clear, clear], [sweep, clear, clear, sweep]], [sweep])
    assert trace.clearing == [clear, clear]


def test_what_is_printed() -> None:
    assert table("files", ["b", "a", "b"]) == "files\n     2  b\n     1  a"
    assert listing([call("a"), call("b", "g", 1)]) == "     -- t\n   1 a f\n   2   b g"
