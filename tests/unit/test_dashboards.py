"""Dashboards say what they show, and show it from whichever Prometheus a person chooses.

That their metrics are served is tested in `test_metrics`, that their queries have answers in
`tests/e2e/test_compose.py`.
"""

from collections import Counter
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fixtures.dashboards import dashboards, queries

DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
UNITS: Final = {"s", "short", "ops", "percentunit", "bytes"}
BOARDS: Final = list(dashboards().items())
WIDTH: Final = 24


@pytest.mark.parametrize(("file", "board"), BOARDS, ids=lambda each: str(each)[:12])
def test_every_panel_has_a_title_a_unit_a_description_and_the_chosen_datasource(
    file: str, board: Any
) -> None:
    assert Path(file).suffix == ".json"
    (variable,) = board["templating"]["list"]
    assert (variable["name"], variable["type"], variable["query"]) == (
        *("datasource", "datasource"),
        "prometheus",
    )
    for panel in board["panels"]:
        assert panel["title"], panel
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert panel["datasource"] == DATASOURCE, panel["title"]
        assert panel["targets"], panel["title"]
        # Several lines need names.
        assert len(panel["targets"]) == 1 or all(each["legendFormat"] for each in panel["targets"])
        assert all("datasource" not in each for each in panel["targets"])


@pytest.mark.parametrize(("file", "board"), BOARDS, ids=lambda each: str(each)[:12])
def test_no_panel_lies_on_another_or_has_its_name(file: str, board: Any) -> None:
    taken: Counter[tuple[int, int]] = Counter()
    for panel in board["panels"]:
        x, y, width, height = (panel["gridPos"][each] for each in "xywh")
        assert x + width <= WIDTH, file
        taken.update((x + i, y + j) for i in range(width) for j in range(height))
    assert set(taken.values()) == {1}, file
    for key in ("id", "title"):
        assert len({panel[key] for panel in board["panels"]}) == len(board["panels"]), file


def test_there_are_the_five_dashboards_that_operations_names() -> None:
    text = (Path(__file__).parents[2] / "docs/operations.md").read_text("utf-8")
    (section,) = text.split("\n## Monitoring\n")[1:]
    section = section.split("\n## ")[0]
    assert len(BOARDS) == len({board["uid"] for _, board in BOARDS}) == 5
    assert [board["title"] for _, board in BOARDS if f"| *{board['title']}* |" not in section] == []


def test_rates_have_the_window_that_fits_how_often_prometheus_asks() -> None:
    # A fixed one is a matter of the panel's title: "of the last 5 minutes".
    fixed = {"[5m]", "[30d]", "[1h]", "[1d]"}
    for board in dashboards().values():
        for panel in board["panels"]:
            for target in panel["targets"]:
                windows = {f"[{each.split(']')[0]}]" for each in target["expr"].split("[")[1:]}
                assert windows <= {*fixed, "[$__rate_interval]"}, panel["title"]
    assert len(queries()) > 90
