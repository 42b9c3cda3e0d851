"""Entity tags, If-Match and If-None-Match (RFC 9110, sections 8.8.3 and 13)."""

from datetime import UTC, datetime

import pytest

from services.registry.api.problems import of_error
from services.registry.devices.devices import Device
from services.registry.devices.etags import Conditions, etag_of, of_device, of_pairing
from services.registry.devices.pairings import Pairing
from services.registry.errors import ChangedMeanwhileError, ExistsError

NOW = etag_of("c1", 7)
BEFORE = etag_of("c1", 6)
TODAY = datetime(2026, 11, 24, tzinfo=UTC)


def device(**changes: object) -> Device:
    members = {
        "id": "c1",
        "label": "a",
        "location": "b",
        "booth": None,
        "pairing_number": 1,
        "registered_at": TODAY,
        "auth": "any",
        "canary": False,
    }
    return Device.model_validate(members | changes)


def test_a_tag_changes_with_each_thing_that_can_change() -> None:
    devices = [
        device(),
        device(label="x"),
        device(location="x"),
        device(label="ab", location=""),
        device(pairing_number=2),
        device(auth="certificate"),
        device(booth="a"),
    ]
    assert len({of_device(each) for each in devices}) == len(devices)
    assert of_device(devices[0]) == of_device(device(registered_at=datetime.now(UTC)))
    pairings = [
        Pairing(charger="c1", widget="w1", pairing_number=number, paired_at=TODAY)
        for number in (1, 2)
    ]
    assert len({of_pairing(pairing) for pairing in pairings}) == 2


def test_a_tag_is_a_quoted_text_that_changes_with_the_content() -> None:
    assert NOW.startswith('"')
    assert NOW.endswith('"')
    assert NOW != BEFORE
    assert etag_of("a", "b") != etag_of("ab", "")
    assert etag_of("1") != etag_of(1)


@pytest.mark.parametrize("sent", [None, "*", " * ", NOW, f"{BEFORE}, {NOW}", f" {NOW} "])
def test_what_still_is_as_it_was_may_be_changed(sent: str | None) -> None:
    Conditions(if_match=sent).require(NOW)


@pytest.mark.parametrize(
    "sent", ["", BEFORE, f"W/{NOW}", f'W/{NOW}, "a"', "W/*", NOW.strip('"'), "nonsense"]
)
def test_what_was_changed_meanwhile_is_left_alone(sent: str) -> None:
    with pytest.raises(ChangedMeanwhileError) as refused:
        Conditions(if_match=sent).require(NOW)
    problem = of_error(refused.value)
    assert problem.status == 412
    assert NOW in problem.detail


@pytest.mark.parametrize("sent", ["*", NOW])
def test_what_is_gone_is_not_made_again(sent: str) -> None:
    with pytest.raises(ChangedMeanwhileError):
        Conditions(if_match=sent).require(None)


@pytest.mark.parametrize("sent", ["*", " * ", NOW, f"W/{NOW}", f"{BEFORE}, W/{NOW}"])
def test_what_must_not_be_there_is_left_alone_if_it_is(sent: str) -> None:
    Conditions(if_none_match=sent).require(None)
    with pytest.raises(ExistsError) as refused:
        Conditions(if_none_match=sent).require(NOW)
    assert of_error(refused.value).status == 412


@pytest.mark.parametrize("sent", [None, "", BEFORE, f"W/{BEFORE}", NOW.strip('"')])
def test_what_may_be_there_is_changed(sent: str | None) -> None:
    Conditions(if_none_match=sent).require(NOW)
    Conditions(if_none_match=sent).require(None)
