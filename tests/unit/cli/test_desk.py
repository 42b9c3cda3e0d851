"""``chargelight find`` and ``chargelight labels``."""

import json
from pathlib import Path
from typing import Any

import httpx

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry

RENTAL: dict[str, Any] = {
    "id": "7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11",
    "short_id": "G4H9W5",
    "charger": "c1",
    "widget": "w1",
    "ticket": "0815",
    "booth": "tower",
    "label": "left",
    "location": "shelf",
}
NOTHING: dict[str, Any] = {"exact": True, "charger": None, "widget": None, "rental": None}
PLACE = {"booth": "tower", "location": "", "label": "right"}

FOUND: list[dict[str, Any]] = [
    {
        **NOTHING,
        "what": "charger",
        "charger": {"id": "c1", "widget": "w1", **PLACE},
        "rental": RENTAL,
    },
    {**NOTHING, "what": "widget", "widget": {"id": "w2", "charger": "c9", **PLACE}},
    {**NOTHING, "what": "rental", "rental": RENTAL},
]


def test_what_was_found_is_shown_with_its_place_and_its_rental(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers({"items": FOUND, "more": True})
    ran = run("find", "081", "--booth", "tower")
    assert registry.queries() == [{"q": "081", "booth": "tower"}]
    rows = [[cell for cell in line.split("  ") if cell] for line in ran.output.splitlines()]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["what", "id", "place", "charger", "widget", "rental", "ticket", "state"],
        ["charger", "c1", "tower, right", "c1", "w1", "G4H9W5", "0815", "charging"],
        ["widget", "w2", "tower, right", "c9", "-", "-", "-", "-"],
        ["rental", "G4H9W5", "tower, shelf, left", "c1", "w1", "G4H9W5", "0815", "charging"],
    ]
    assert "type more of it" in ran.errors


def test_for_a_program_each_thing_is_a_line(run: Run, registry: FakeRegistry) -> None:
    registry.answers({"items": FOUND, "more": False})
    ran = run("--json", "find", "c1")
    assert [json.loads(line) for line in ran.output.splitlines()] == FOUND
    assert ran.errors == ""


def test_labels_go_to_a_file(run: Run, registry: FakeRegistry, tmp_path: Path) -> None:
    registry.answers(httpx.Response(200, text="<!doctype html>ü"))
    file = tmp_path / "labels.html"
    assert run("labels", "widget", str(file), "--address", "https://hub.example").code == 0
    assert file.read_text() == "<!doctype html>ü"
    assert registry.queries() == [{"kind": "widget", "address": "https://hub.example"}]
    assert run("labels", "lamp", str(file)).code == 2
