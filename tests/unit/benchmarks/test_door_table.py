"""What others notice of an attack, compared with what is usual and with the control."""

import pytest

from tests.benchmarks.door.table import Round, Row
from tests.e2e.door.watch import Noticed


def noticed(light: float) -> Noticed:
    return Noticed([0.5], [0.25], [light] * 10)


def of(before: float, during: float, control: float) -> Round:
    return Round(1000, 0.5, 0.75, noticed(before), noticed(during), noticed(control))


@pytest.fixture
def row() -> Row:
    rounds = [of(0.009, 0.010, 0.004), of(0.010, 0.020, 0.005), of(0.011, 0.030, 0.100)]
    # Also before other attacks: one slow phase decides nothing.
    quiet = [each.before for each in rounds] + [noticed(light) for light in (0.001, 0.001, 0.002)]
    return Row("knocking", rounds, [*quiet, noticed(0.005)])


def test_each_round_is_compared_with_what_is_usual_and_with_all_controls(row: Row) -> None:
    figures = {name: values for name, values, _ in row.figures()}
    assert figures["others' p99 / usual"] == pytest.approx([2, 4, 6])
    assert figures["others' p99 / control"] == pytest.approx([2, 4, 6])


def test_the_table_has_the_usual_and_the_medians(row: Row) -> None:
    *_, p99, to_usual, to_control = row.cells()
    assert (p99, to_usual, to_control) == ("5 → 20 (5)", "4.0", "4.0")
