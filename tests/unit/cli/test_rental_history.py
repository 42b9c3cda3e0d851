"""``chargelight rentals history``."""

import json
from typing import Any

import pytest

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry

LEVELS = [
    {"at": "2026-11-24T20:00:00Z", "level": 40},
    {"at": "2026-11-24T20:02:00.5Z", "level": 41},
]
LIGHTS = [{"at": "2026-11-24T20:02:00Z", "light": "charging"}]


def minutes(earliest: int, latest: int) -> dict[str, int]:
    return {"earliest_minutes": earliest, "latest_minutes": latest}


def answer(**estimate: Any) -> dict[str, Any]:
    unknown: dict[str, Any] = {"to_80": None, "to_100": None, "unknown": None}
    return {"levels": LEVELS, "lights": LIGHTS, "estimate": {**unknown, **estimate}}


def test_levels_and_lights_are_shown_in_the_order_of_their_time(
    run: Run, registry: FakeRegistry
) -> None:
    registry.answers(answer() | {"estimate": None})
    ran = run("rentals", "history", "G4H9W5")
    assert list(registry.asked()) == [("GET", "/rentals/G4H9W5/history")]
    shown = [line.split()[-2:] for line in ran.output.splitlines()]
    assert shown == [["level", "light"], ["40", "-"], ["-", "charging"], ["41", "-"]]
    assert json.loads(run("--json", "rentals", "history", "G4H9W5").output)["levels"] == LEVELS


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (
            {"to_80": minutes(25, 40), "to_100": minutes(60, 120)},
            "80 % in 25 to 40 min, 100 % in 60 to 120 min",
        ),
        ({"to_100": minutes(8, 15)}, "100 % in 8 to 15 min"),
        ({"unknown": "just_plugged_in"}, "just plugged in"),
        ({}, "now"),
    ],
)
def test_it_says_when_the_phone_is_ready_or_why_nobody_knows(
    run: Run, registry: FakeRegistry, estimate: dict[str, Any], said: str
) -> None:
    registry.answers(answer(**estimate))
    assert run("rentals", "history", "G4H9W5").output.splitlines()[-1] == f"ready: {said}"
