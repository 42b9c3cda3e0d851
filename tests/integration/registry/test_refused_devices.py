"""Devices with wrong secrets are in the audit log, however many there are."""

import random
from collections.abc import Iterable
from typing import Any

import pytest

from services.registry.audit.refused_devices import MOST_AT_ONCE, RefusedDevices
from services.registry.live.state_reader import StateReader
from services.registry.postgres.database import Database
from shared.bus.bus import Bus
from shared.contract.names import REFUSED, Names
from tests.integration.registry.conftest import By


@pytest.fixture
def refused_devices(database: Database, bus: Bus, names: Names) -> RefusedDevices:
    return RefusedDevices(database, StateReader(bus, names), random.Random(1))


async def refuse(bus: Bus, items: Iterable[str], at: int, count: int = 2000) -> None:
    """Note refusals as gateways do."""
    for item in items:
        stored = f'{{"count":{count},"at":{at},"gateway":"g1"}}'
        await bus.command("HSET", REFUSED, item, stored)


async def entries(by_hand: By) -> list[tuple[Any, ...]]:
    found = await by_hand.execute(
        "SELECT who, kind, subject, address, details FROM audit_log WHERE action = 'refused'"
        " ORDER BY id"
    )
    return await found.fetchall()


async def test_wrong_secrets_of_an_id_are_one_entry_with_address_and_number(
    bus: Bus, by_hand: By, refused_devices: RefusedDevices
) -> None:
    items = ["charger unauthorized 192.0.2.7 /chargers/c1", "widget wrong_path 192.0.2.8 /x"]
    await refuse(bus, items, at=1_000_000)
    await refused_devices.write()
    details = {"count": 2000, "reason": "unauthorized"}
    expected = [("nobody", "charger", "c1", "192.0.2.7", details)]
    assert await entries(by_hand) == expected
    # It goes on, and another registry looks too.
    await refuse(bus, items, at=2_000_000, count=4000)
    await refused_devices.write()
    other = RefusedDevices(refused_devices.database, refused_devices.states, random.Random(2))
    await other.write()
    assert await entries(by_hand) == expected


async def test_the_same_id_from_another_address_is_another_entry(
    bus: Bus, by_hand: By, refused_devices: RefusedDevices
) -> None:
    items = [f"charger unauthorized 192.0.2.{number} /chargers/c1" for number in (7, 8)]
    await refuse(bus, items, at=1_000_000)
    await refused_devices.write()
    assert {address for _, _, _, address, _ in await entries(by_hand)} == {"192.0.2.7", "192.0.2.8"}


async def test_many_ids_make_few_entries(
    bus: Bus, by_hand: By, refused_devices: RefusedDevices
) -> None:
    items = [f"charger unauthorized 192.0.2.7 /chargers/c{number}" for number in range(300)]
    await refuse(bus, items, at=1_000_000, count=1)
    await refused_devices.write()
    found = await entries(by_hand)
    assert len(found) == MOST_AT_ONCE + 1
    assert found[-1][2:] == ("others", None, {"count": 280, "reason": "various"})
