"""Entity tags, and the conditions that come with a change."""

from datetime import UTC, datetime

import pytest

from services.registry.api.problems import of_error
from services.registry.devices.devices import Device
from services.registry.devices.etags import Conditions, of_device, of_pairing
from services.registry.devices.pairings import Pairing
from services.registry.errors import ChangedMeanwhileError, ExistsError

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def device(**changes: object) -> Device:
    members = {
        "id": "c1",
        "label": "a",
        "location": "b",
        "pairing_number": 1,
        "registered_at": NOW,
    }
    return Device.model_validate(members | changes)


def test_a_tag_changes_with_each_thing_that_can_change() -> None:
    devices = [
        device(),
        device(label="x"),
        device(location="x"),
        device(label="ab", location=""),
        device(pairing_number=2),
    ]
    assert len({of_device(each) for each in devices}) == len(devices)
    assert of_device(devices[0]) == of_device(device(registered_at=datetime.now(UTC)))
    pairings = [
        Pairing(charger="c1", widget="w1", pairing_number=number, paired_at=NOW)
        for number in (1, 2)
    ]
    assert len({of_pairing(pairing) for pairing in pairings}) == 2


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "etag"),
    [
        (None, None, None),
        (None, None, '"a"'),
        ('"a"', None, '"a"'),
        ('"b", "a"', None, '"a"'),
        ("*", None, '"a"'),
        (None, "*", None),
    ],
)
def test_conditions_that_hold_let_a_change_through(
    if_match: str | None, if_none_match: str | None, etag: str | None
) -> None:
    Conditions(if_match, if_none_match).require(etag)


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "etag"),
    [('"b"', None, '"a"'), ('"a"', None, None), ("*", None, None), (None, "*", '"a"')],
)
def test_conditions_that_do_not_hold_stop_it(
    if_match: str | None, if_none_match: str | None, etag: str | None
) -> None:
    with pytest.raises((ChangedMeanwhileError, ExistsError)) as refused:
        Conditions(if_match, if_none_match).require(etag)
    assert of_error(refused.value).status == 412
