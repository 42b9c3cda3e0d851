"""Chargers that speak OCPP light widgets, beside our own."""

import asyncio
import json
import random
from datetime import timedelta

import pytest
from websockets.asyncio.client import ClientConnection

from services.gateway.ocpp.negotiation import Version
from services.simulator.devices.charger import Charger, Complaint
from services.simulator.devices.dialects import DialectName
from services.simulator.devices.reconnect import Pace
from tests.fixtures.secured import is_secured
from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    CHARGING80,
    SOON,
    Booth,
    Stored,
    reading,
    receipt,
    received,
    soon,
)
from tests.integration.hub.conftest import StartGateway
from tests.integration.hub.ocpp_charger import ocpp_charger, soc_message, status_message

HOUR = timedelta(hours=1)


@pytest.fixture
async def two(booth: Booth, stored: Stored) -> Booth:
    """The booth, with the connector 2 of its charger paired with the widget w2."""
    await stored.pair("c1234:2", "w2", 8)
    return booth


@pytest.mark.parametrize("version", Version)
async def test_a_charger_lights_its_widget_red_yellow_and_green(
    booth: Booth, version: Version
) -> None:
    async with booth.widget("wABCD") as widget, ocpp_charger(booth, version) as charger:
        assert charger.device.subprotocol == version.value
        boot = await charger.boot()
        assert (boot.status, boot.interval) == ("Accepted", 300)
        for level, light in (79.9, CHARGING), (80, CHARGING80), (100, CHARGED):
            await charger.report(level)
            assert await received(widget) == light


async def test_a_charger_of_our_own_dialect_takes_over_and_back(booth: Booth) -> None:
    async with booth.widget("wABCD") as widget, ocpp_charger(booth, Version.V16) as charger:
        await charger.report(100)
        assert await received(widget) == CHARGED
        async with booth.charger("c1234") as own:
            await own.send(reading(20))
            await receipt(own)
            assert await received(widget) == CHARGING
            async with ocpp_charger(booth, Version.V201) as newest:
                await newest.report(90)
                assert await received(widget) == CHARGING80


async def test_a_queue_that_is_replayed_after_a_hand_over_lights_nothing_until_a_new_sample(
    booth: Booth, stored: Stored
) -> None:
    async with ocpp_charger(booth, Version.V16) as charger:
        await charger.report(90, ago=HOUR)
    await stored.pair("c1234", "wABCD", 8, seconds_ago=1)
    async with booth.widget("wABCD") as widget, ocpp_charger(booth, Version.V16) as charger:
        await charger.boot()
        for minutes in 30, 20, 10:
            await charger.report(100, ago=timedelta(minutes=minutes))
        assert await stored.level("c1234") == 100
        assert await stored.status("wABCD") is None
        await charger.report(20)
        assert await received(widget) == CHARGING


async def test_a_charger_is_asked_for_its_level_after_a_queue(booth: Booth, stored: Stored) -> None:
    await stored.pair("c1234", "wABCD", 8, seconds_ago=1)
    async with (
        booth.widget("wABCD") as widget,
        ocpp_charger(booth, Version.V201, level=20) as charger,
    ):
        await charger.report(100, ago=HOUR)
        assert await received(widget) == CHARGING


@pytest.mark.parametrize("behind", [HOUR, timedelta(days=365 * 56)], ids=["an hour", "1970"])
async def test_a_wrong_clock_keeps_no_light_dark(
    booth: Booth, stored: Stored, behind: timedelta
) -> None:
    await stored.pair("c1234", "wABCD", 8, seconds_ago=5)
    async with (
        booth.widget("wABCD") as widget,
        ocpp_charger(booth, Version.V16, behind=behind) as charger,
    ):
        await charger.boot()
        await charger.report(30)
        await asyncio.sleep(2.5)  # samples of one moment do not tell
        await charger.report(30)
        assert await received(widget) == CHARGING


@pytest.mark.parametrize(("evse", "widget_id"), [(1, "wABCD"), (2, "w2")])
async def test_an_update_without_an_evse_lights_the_right_widget_wherever_it_comes(
    two: Booth, stored: Stored, start_gateway: StartGateway, evse: int, widget_id: str
) -> None:
    other = await start_gateway()
    async with ocpp_charger(two, Version.V201) as charger:
        await charger.event("Started", evse=evse)
    async with two.widget(widget_id) as widget:
        async with ocpp_charger(other, Version.V201) as charger:
            await charger.event("Updated", (20, "Sample.Periodic"), evse=None)
            assert await received(widget) == CHARGING
            await empty(stored)
            await stored.until(lambda: transactions(stored))
        async with ocpp_charger(two, Version.V201) as charger:
            await charger.event(
                "Ended", (20, "Transaction.Begin"), (100, "Transaction.End"), evse=None
            )
            async with asyncio.timeout(SOON):
                while await received(widget) != CHARGED:
                    pass


async def empty(stored: Stored) -> None:
    """Empty Redis; a registry would write the directory again at once."""
    await stored.client.flushall()
    await stored.pair("c1234", "wABCD", 7)
    await stored.pair("c1234:2", "w2", 8)
    await stored.complete()


async def transactions(stored: Stored) -> object:
    names = stored.names.of_charger("c1234")
    return await stored.client.hget(names.transactions, "c1234")


async def test_a_start_that_is_repeated_has_the_same_id_on_another_gateway(
    booth: Booth, start_gateway: StartGateway
) -> None:
    async with ocpp_charger(booth, Version.V16) as charger:
        first = await charger.start()
        assert await charger.start() == first
    async with ocpp_charger(await start_gateway(), Version.V16) as charger:
        assert await charger.start() == first


async def test_a_queue_of_the_same_visitor_changes_no_newer_light(
    booth: Booth, stored: Stored
) -> None:
    async with booth.widget("wABCD") as widget:
        async with ocpp_charger(booth, Version.V16) as charger:
            await charger.report(100)
            assert await received(widget) == CHARGED
        async with ocpp_charger(booth, Version.V16) as charger:
            await charger.report(50, ago=timedelta(minutes=1))
            assert await stored.level("c1234") == 100


async def test_ids_that_are_not_registered_are_closed_as_ever(booth: Booth) -> None:
    async with booth.charger("cXXXX", subprotocol=Version.V16) as device:
        await device.wait_closed()
    assert device.close_code == 4404


@pytest.mark.parametrize("version", Version)
async def test_two_connectors_light_each_their_own_widget(two: Booth, version: Version) -> None:
    async with (
        two.widget("wABCD") as first,
        two.widget("w2") as second,
        ocpp_charger(two, version) as charger,
    ):
        await charger.boot()
        for level, light, other, other_light in (
            (20, CHARGING, 80, CHARGING80),
            (90, CHARGING80, 100, CHARGED),
            (100, CHARGED, 10, CHARGING),
        ):
            await charger.report(level)
            await charger.report(other, connector=2)
            assert await received(first) == light
            assert await received(second) == other_light


async def test_a_superseded_connection_can_write_neither_connector(
    two: Booth, stored: Stored, start_gateway: StartGateway
) -> None:
    other = await start_gateway()
    for connector in 1, 2:
        async with ocpp_charger(two, Version.V16) as old:
            await old.report(20)
            await old.report(20, connector=2)
            async with ocpp_charger(other, Version.V16) as newest:
                await newest.boot()
                await old.device.send(soc_message("m", 100, connector))
                await soon(old.device.wait_closed())
                assert old.device.close_code == 4409
    assert (await stored.level("c1234"), await stored.level("c1234:2")) == (20, 20)


async def test_a_connector_that_is_registered_later_lights(booth: Booth, stored: Stored) -> None:
    async with booth.widget("wABCD") as first, ocpp_charger(booth, Version.V201) as charger:
        await charger.report(90, connector=2)
        await charger.report(20)
        assert await received(first) == CHARGING
        assert await stored.live("c1234:2") is None
        await stored.pair("c1234:2", "w2", 8)
        await stored.until(lambda: is_known(stored))
        async with booth.widget("w2") as second:
            await charger.report(90, connector=2)
            async with asyncio.timeout(SOON):
                while await stored.status("w2") is None:
                    await charger.report(90, connector=2)
            assert await received(second) == CHARGING80


async def is_known(stored: Stored) -> bool:
    return await stored.live("c1234:2") is not None


async def test_a_charger_without_a_level_lights_by_its_setting_until_it_reports_one(
    two: Booth, stored: Stored, start_gateway: StartGateway
) -> None:
    other = await start_gateway()
    await let_count_as_full(stored, "c1234:2", "suspended")
    async with two.widget("w2") as widget:
        async with two.charger("c1234", subprotocol=Version.V16) as charger:
            await charger.send(status_message("Charging", 2))
            await charger.send(soc_message("sample", float("nan"), 2))  # whatever it says
            assert await received(widget) == CHARGING
            await charger.send(status_message("SuspendedEV", 2))
            assert await received_at_last(widget, CHARGED) == CHARGED
            await charger.send(soc_message("level", 85, 2))
            assert await received_at_last(widget, CHARGING80) == CHARGING80
            await charger.send(status_message("SuspendedEV", 2))
            await receipt(charger)
            assert await stored.level("c1234:2") == 85
        await let_count_as_full(stored, "c1234:2", "reported")
        async with other.charger("c1234", subprotocol=Version.V16) as charger:
            await charger.send(status_message("SuspendedEV", 2))
            await charger.send(soc_message("level", 20))
            await stored.until(lambda: is_level(stored, 20))
            await let_count_as_full(stored, "c1234:2", "suspended")
            async with asyncio.timeout(SOON):
                while await stored.level("c1234:2") != 100:
                    await charger.send(status_message("SuspendedEV", 2))
                    await receipt(charger)


async def received_at_last(widget: ClientConnection, light: str) -> str:
    """Return a light that comes, after others that were said again."""
    async with asyncio.timeout(SOON):
        while (message := await received(widget)) != light:
            pass
    return message


async def is_level(stored: Stored, level: float) -> bool:
    return await stored.level("c1234") == level


async def let_count_as_full(stored: Stored, device_id: str, setting: str) -> None:
    """Write what counts as full at a connector, and ring, as the registry does."""
    names = stored.names.of_charger(device_id)
    entry = json.loads(await stored.client.hget(names.credentials, device_id))
    entry |= {"number": entry["number"] + 1, "full_when": setting}
    await stored.client.hset(names.credentials, device_id, json.dumps(entry))
    await stored.client.publish(names.directory_changes, json.dumps({"ids": [device_id]}))


@pytest.mark.skipif(is_secured(), reason="a simulator does not know the CA of this run")
@pytest.mark.parametrize("dialect", [DialectName.OCPP_16, DialectName.OCPP_201])
async def test_the_simulator_speaks_it(open_booth: Booth, dialect: DialectName) -> None:
    pace = Pace(random.Random(1))
    url = f"ws://{open_booth.host}:{open_booth.charger_port}"
    heard: list[object] = []
    charger = Charger("c1234", url, pace=pace, dialect=dialect, notify=heard.append)
    async with open_booth.widget("wABCD") as widget:
        running = asyncio.create_task(charger.run())
        for level, light in (50, CHARGING), (80, CHARGING80), (100, CHARGED):
            await charger.report(level)
            assert await received(widget) == light
            await soon(charger.all_acknowledged())
        running.cancel()
    assert not [each for each in heard if isinstance(each, Complaint)]
