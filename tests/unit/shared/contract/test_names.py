"""The map of the system: one hash slot per tag, and names that nobody can forge."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.names import (
    AGREEMENTS,
    GATEWAYS,
    ROUTERS,
    ChargerNames,
    Names,
    WidgetNames,
    channel_in_slot,
    partition_of,
)

ID = r"[A-Za-z0-9._-]{1,64}"
device_ids = st.from_regex(ID, fullmatch=True)


def crc16(data: bytes) -> int:
    """CRC16 as the specification of Redis Cluster has it: XMODEM, bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ (0x1021 if crc & 0x8000 else 0)
    return crc & 0xFFFF


def names_of(names: object) -> list[str]:
    """Return every key and channel of one tag."""
    found = [name for attribute, name in vars(names).items() if attribute[0] != "_"]
    texts = [name for name in found if isinstance(name, str)]
    if isinstance(names, WidgetNames):
        texts += [names.status_channel("w1"), names.status_channel("." * 64)]
    return texts


@pytest.mark.parametrize(
    ("device_id", "slot"),
    [
        ("123456789", 0x31C3),  # the check value of CRC16/XMODEM
        ("foo", 12182),  # CLUSTER KEYSLOT foo
        ("bar", 5061),
        ("hello", 866),
    ],
)
def test_a_partition_is_the_slot_that_redis_cluster_would_compute(
    device_id: str, slot: int
) -> None:
    assert partition_of(device_id, 16384) == slot % 16384
    assert partition_of(device_id, 65536) % 16384 == slot % 16384


def test_the_check_value_of_crc16_is_met() -> None:
    assert crc16(b"123456789") == 0x31C3
    assert partition_of("123456789", 65536) == 0x31C3


@given(device_ids, st.integers(1, 1024))
def test_a_partition_is_crc16_of_the_id_modulo_their_number(
    device_id: str, partitions: int
) -> None:
    assert partition_of(device_id, partitions) == crc16(device_id.encode()) % partitions


@pytest.mark.parametrize("partitions", [1, 64, 100, 101, 1024])
def test_every_name_of_a_tag_lies_in_its_one_slot(partitions: int) -> None:
    names = Names(partitions)
    tags: set[str] = set()
    for of_tag in (*names.chargers, *names.widgets):
        found = {re.sub(r"^[^{}]*\{([^{}]+)\}[^{}]*$", r"\1", name) for name in names_of(of_tag)}
        (tag,) = found  # one tag, and nothing else in braces
        kind = "p" if isinstance(of_tag, ChargerNames) else "w"
        assert tag == f"{kind}{of_tag.partition:02}"
        tags.add(tag)
    assert len(tags) == 2 * partitions


def test_all_names_differ() -> None:
    names = Names(64)
    found = [name for tag in (*names.chargers, *names.widgets) for name in names_of(tag)]
    found += [ROUTERS, GATEWAYS, AGREEMENTS]
    assert len(set(found)) == len(found)
    assert all(name.startswith("chargelight:") for name in found)


def test_names_are_those_that_operators_type() -> None:
    names = Names(64)
    both = "credentials directory directory-changes directory-version presence presence-changes"
    own = "lease live pending readings transactions ocpp commands command-results"
    of_charger = f"{both} rejections {own}".split()
    of_widget = f"{both} rejections statuses transitions widget:w1:status".split()
    assert sorted(names_of(names.chargers[17])) == sorted(
        f"chargelight:{{p17}}:{name}" for name in of_charger
    )
    assert sorted(names_of(names.widgets[5])[:-1]) == sorted(
        f"chargelight:{{w05}}:{name}" for name in of_widget
    )
    assert (ROUTERS, GATEWAYS) == ("chargelight:routers", "chargelight:gateways")


@given(device_ids, st.sampled_from([1, 7, 64]))
def test_a_device_is_found_in_its_partition(device_id: str, partitions: int) -> None:
    names = Names(partitions)
    number = partition_of(device_id, partitions)
    assert names.of_charger(device_id).partition == number
    assert names.of_widget(device_id) is names.widgets[number]


@given(device_ids, device_ids)
def test_two_widgets_never_share_a_channel(one: str, other: str) -> None:
    names = Names(1).widgets[0]
    assert (names.status_channel(one) == names.status_channel(other)) is (one == other)


def test_a_channel_has_a_name_in_the_slot_of_a_tag() -> None:
    assert channel_in_slot("chargelight-echo:me", "3") == "chargelight-echo:me:{3}"
    assert channel_in_slot("chargelight-echo:me", "") == "chargelight-echo:me"
