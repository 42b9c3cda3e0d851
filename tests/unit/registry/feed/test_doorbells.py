"""Which chargers a doorbell has read again."""

import json

from services.registry.feed.doorbells import Doorbells, Heard
from shared.contract.device_protocol import ChargingStatus
from shared.contract.names import Names
from tests.unit.registry.feed.found import NOW, status

NAMES = Names(2)


def heard(*messages: tuple[str, object]) -> Heard:
    doorbells = Doorbells(NAMES)
    for channel, message in messages:
        payload = message if isinstance(message, bytes) else json.dumps(message).encode()
        doorbells.on_message(channel, payload)
    found = doorbells.take()
    assert doorbells.take() == Heard()
    return found


def test_each_kind_names_its_chargers() -> None:
    tag = NAMES.chargers[1]
    light = NAMES.widgets[0].transitions
    found = heard(
        (light, status("charged", sequence=3)),
        (tag.presence_changes, {"charger": "c2", "online": True, "gateway": "g", "at": 1}),
        (tag.directory_changes, {"ids": ["c3", "c4"]}),
    )
    assert found.chargers == {"c1", "c2", "c3", "c4"}
    assert found.paired == {"c3", "c4"}
    (change,) = found.lights.values()
    assert (change.light, change.at) == (ChargingStatus.CHARGED, NOW + 3)
    assert found.partitions == set()


def test_changes_of_a_light_are_sorted_out_as_they_come() -> None:
    light = NAMES.widgets[0].transitions
    messages = [status(sequence=number) for number in (2, 3, 1, 3)]
    found = heard(*((light, each) for each in messages))
    assert found.lights["c1"].at == NOW + 3


def test_without_ids_all_of_a_partition_is_read_again() -> None:
    assert heard((NAMES.chargers[1].directory_changes, {"ids": []})).partitions == {1}


def test_after_each_loss_all_is_read_again() -> None:
    doorbells = Doorbells(NAMES)
    doorbells.on_confirmed([])
    assert doorbells.take().partitions == set()
    doorbells.on_confirmed([NAMES.widgets[0].transitions])
    assert doorbells.take().partitions == {0, 1}


def test_what_is_published_by_hand_does_no_harm() -> None:
    for channel in Doorbells(NAMES).channels:
        assert heard((channel, b"\xff{"), (channel, b"{}"), (channel, [1])) == Heard()
