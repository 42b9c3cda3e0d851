"""Figures: medians, ratios, files that can be compared, and the comparison."""

from pathlib import Path

import pytest

from tests.benchmarks.compare import compare, overlap
from tests.benchmarks.figures import Figure, Report, read


def test_a_figure_is_the_median_of_its_rounds_and_knows_their_spread() -> None:
    figure = Figure.of([5.0, 1.0, 2.0], "ms")
    assert (figure.median, figure.low, figure.high) == (2.0, 1.0, 5.0)


def test_a_ratio_is_that_of_the_medians_not_the_median_of_the_ratios() -> None:
    ratio = Figure.ratio(Figure.of([10.0, 20.0, 90.0]), Figure.of([1.0, 10.0, 100.0]))
    assert ratio.median == 2.0
    assert sorted(ratio.samples) == [0.9, 2.0, 10.0]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    report = Report()
    report.add("ingest", [3.0, 1.0, 2.0], "1/s")
    report.add("other", [2.0, 2.0, 2.0])
    report.ratio("ratio", "ingest", "other")
    report.note("redis", "embedded")
    report.write(tmp_path / "a.json", {"processor": "a fast one"})
    assert read(tmp_path / "a.json") == (report, {"processor": "a fast one"})


def test_a_file_that_is_something_else_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"figures": 5}')
    with pytest.raises(ValueError, match=r"other\.json was not written by `make bench"):
        read(tmp_path / "other.json")


def test_spreads_overlap_if_some_value_lies_in_both() -> None:
    assert overlap(Figure.of([1.0, 3.0]), Figure.of([3.0, 4.0]))
    assert overlap(Figure.of([1.0, 9.0]), Figure.of([3.0, 4.0]))
    assert not overlap(Figure.of([1.0, 3.0]), Figure.of([3.1, 4.0]))


def test_a_comparison_says_both_medians_the_ratio_and_whether_it_may_be_chance() -> None:
    before, after = Report(), Report()
    before.add("quick", [1.0, 2.0], "ms")
    after.add("quick", [6.0, 6.0], "ms")
    before.add("gone", [1.0])
    after.add("new", [1.0])
    _, line, gone, new = compare(before, after)
    assert line.split() == ["quick", "1.5", "6", "4.00", "apart", "ms"]
    assert (gone, new) == ("only in A: gone", "only in B: new")


def test_figures_that_differ_by_less_than_their_spread_are_marked() -> None:
    before, after = Report(), Report()
    before.add("noisy", [1.0, 5.0])
    after.add("noisy", [2.0, 9.0])
    assert compare(before, after)[1].split()[-1] == "overlap"
