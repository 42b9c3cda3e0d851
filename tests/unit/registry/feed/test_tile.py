"""What a charger's tile says."""

import uuid
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from services.registry.errors import DirectoryAbsentError
from services.registry.feed.tile import Row, TileProblem, find
from tests.unit.registry.feed.found import ENVIRONMENT, MARK, NOW, entry, live, raw, status

OPENED_AT: Final = datetime(2026, 11, 24, tzinfo=UTC)
RENTED: Final = Row(
    "c1", rental=uuid.UUID(int=1), ticket="0815", opened_at=OPENED_AT, rented_widget="w1"
)
HERE: Final = {"gateway": "gateway-a", "epoch": 5, "since": 1}
SECOND: Final = 1_000_000


def test_it_says_all_that_is_known() -> None:
    row = RENTED._replace(label="left", location="second shelf", booth="main-stage")
    found = find(
        row, raw(entry(), live=live(), presence=HERE, status=status("charging80")), ENVIRONMENT
    )
    assert found.tile.model_dump(mode="json") == {
        "charger": "c1",
        "label": "left",
        "booth": "main-stage",
        "location": "second shelf",
        "widget": "w1",
        "rental": {
            "id": str(uuid.UUID(int=1)),
            "ticket": "0815",
            "opened_at": "2026-11-24T00:00:00Z",
        },
        "level": 70.5,
        "light": "charging80",
        "light_since": None,
        "ready": None,
        "online": True,
        "problem": None,
        "pairing_number": 7,
        "revision": [5, 1],
    }
    assert found.received_at == NOW + 1


def test_a_light_of_another_pairing_is_none() -> None:
    for pairing in (6, 8):
        tile = find(Row("c1"), raw(entry(7), status=status(pairing=pairing)), ENVIRONMENT).tile
        assert (tile.light, tile.revision) == (None, None)


@pytest.mark.parametrize(
    ("of", "mark", "level"),
    [
        (entry(), MARK, 70.5),
        (entry(), "", None),
        (entry(), "6-9f2c", None),
        # Not paired: there is no other phone that it could be mistaken for.
        ({"pairing": 7}, "6-9f2c", 70.5),
    ],
)
def test_the_level_of_the_phone_before_is_not_shown(
    of: dict[str, Any], mark: str, level: float | None
) -> None:
    assert find(Row("c1"), raw(of, live=live(mark)), ENVIRONMENT).tile.level == level


@pytest.mark.parametrize(
    ("presence", "online"),
    [
        (None, False),
        (HERE, True),
        ({**HERE, "left": 9}, False),
        ({**HERE, "gateway": "gateway-that-died"}, False),
    ],
)
def test_it_is_online_at_a_living_gateway(presence: dict[str, Any] | None, *, online: bool) -> None:
    tile = find(Row("c1"), raw(entry(), presence=presence), ENVIRONMENT).tile
    assert tile.online is online


@pytest.mark.parametrize(
    ("row", "found", "problem"),
    [
        (Row("c1"), raw(), TileProblem.NOT_IN_EFFECT),
        (Row("c1"), raw({"pairing": 8, "unregistered": True}), TileProblem.NOT_IN_EFFECT),
        (Row("c1"), raw(entry()), None),
        (RENTED, raw(entry()), TileProblem.OFFLINE),
        (Row("c1"), raw(entry(), presence=HERE), TileProblem.NO_READING),
        (Row("c1"), raw(entry(paired_at=NOW - 59 * SECOND), presence=HERE), None),
        (Row("c1"), raw({"pairing": 7}, presence=HERE), None),
        (RENTED, raw(entry(), live=live(), presence=HERE), None),
        (RENTED, raw(entry(), live=live(), presence=HERE, pending=NOW - 4 * SECOND), None),
        (
            RENTED,
            raw(entry(), live=live(), presence=HERE, pending=NOW - 6 * SECOND),
            TileProblem.WAITING,
        ),
    ],
)
def test_what_needs_a_look_is_named(row: Row, found: Any, problem: TileProblem | None) -> None:
    assert find(row, found, ENVIRONMENT).tile.problem == problem


def test_without_the_directory_there_is_no_tile() -> None:
    with pytest.raises(DirectoryAbsentError):
        find(Row("c1"), raw(is_complete=False), ENVIRONMENT)
