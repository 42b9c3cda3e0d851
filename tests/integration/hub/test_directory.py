"""Registrations that come, go, or are not there at all."""

import asyncio
import time

import pytest

from tests.fixtures.raw_frames import handshake
from tests.fixtures.secured import open_port
from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    Booth,
    Stored,
    close_code,
    reading,
    receipt,
    received,
    soon,
)
from tests.integration.hub.conftest import StartGateway, StartRouter


async def test_without_a_directory_nobody_is_closed_and_the_last_reading_is_kept(
    stored: Stored, start_gateway: StartGateway, start_router: StartRouter
) -> None:
    await start_router()
    booth = await start_gateway(device_auth="off")
    async with booth.charger("c1234") as charger, booth.widget("wABCD") as widget:
        await charger.send(reading(5))
        await charger.send(reading(100))
        pong = await charger.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(pong), 1.5)
        await stored.pair("c1234", "wABCD", 7)
        await stored.complete()
        assert await received(widget) == CHARGED
        await soon(pong)


@pytest.mark.parametrize("doorbell", [True, False])
async def test_unregistering_closes_live_connections_with_4404(
    booth: Booth, stored: Stored, *, doorbell: bool
) -> None:
    async with booth.charger("c1234") as charger, booth.widget("wABCD") as widget:
        await charger.send(reading(10))
        assert await received(widget) == CHARGING
        gone = '{"pairing":8,"unregistered":true}'
        for names, device in (
            (stored.names.of_charger("c1234"), "c1234"),
            (stored.names.of_widget("wABCD"), "wABCD"),
        ):
            await stored.client.hset(names.directory, device, gone)
            await stored.client.set(names.directory_version, f"{time.time_ns()}:1")
            if doorbell:
                await stored.client.publish(names.directory_changes, f'{{"ids":["{device}"]}}')
        assert await close_code(charger) == 4404
        assert await close_code(widget) == 4404


@pytest.mark.parametrize("whole", [True, False], ids=["the directory", "one entry"])
async def test_an_entry_that_somebody_deleted_closes_nobody(
    open_booth: Booth, stored: Stored, *, whole: bool
) -> None:
    tags = {"c1234": stored.names.of_charger("c1234"), "wABCD": stored.names.of_widget("wABCD")}
    async with open_booth.charger("c1234") as charger, open_booth.widget("wABCD") as widget:
        saved = {}
        for device, tag in tags.items():
            saved[device] = await stored.entry_in(tag.directory, device)
            await stored.client.delete(tag.directory) if whole else await stored.client.hdel(
                tag.directory, device
            )
            await stored.client.publish(tag.directory_changes, '{"ids":[]}')
        async with open_booth.charger("c1234") as second, open_booth.widget("wABCD") as another:
            # Longer than a gateway takes to notice what changed.
            await asyncio.sleep(1.5)
            await stored.put_charger("c1234", saved["c1234"])
            await stored.put_widget("wABCD", saved["wABCD"])
            await stored.complete()
            for connection in (charger, second, widget, another):
                await soon(await connection.ping())
    async with open_booth.charger("unknown") as unknown:
        assert await close_code(unknown) == 4404


async def test_a_device_registered_later_is_served_on_its_next_attempt(
    open_booth: Booth, stored: Stored
) -> None:
    async with open_booth.charger("late") as charger:
        assert await close_code(charger) == 4404
    await stored.pair("late", "wLATE", 9)
    async with open_booth.widget("wLATE") as widget, open_booth.charger("late") as charger:
        await charger.send(reading(100))
        assert await received(widget) == CHARGED


async def test_an_emptied_redis_is_right_again_without_any_charger_sending(
    booth: Booth, stored: Stored
) -> None:
    async with booth.charger("c1234") as charger:
        await charger.send(reading(100))
        await receipt(charger)
        await stored.until(lambda: stored.status("wABCD"))
        await stored.client.flushall()
        await stored.pair("c1234", "wABCD", 7)
        await stored.complete()
        await stored.until(lambda: stored.status("wABCD"))
        async with booth.widget("wABCD") as widget:
            assert await received(widget) == CHARGED


async def test_more_waiting_devices_than_allowed_are_told_to_come_back(
    start_gateway: StartGateway,
) -> None:
    booth = await start_gateway(device_auth="off", max_waiting=1)
    async with booth.charger("c1") as first:
        await first.send(reading(1))
        async with asyncio.timeout(30):
            while True:
                answer = await _handshake(booth)
                if answer.startswith(b"HTTP/1.1 503 "):
                    break
        assert b"Retry-After: 5\r\n" in answer


async def _handshake(booth: Booth) -> bytes:
    reader, writer = await open_port(booth.host, booth.charger_port)
    writer.write(handshake("/chargers/c2"))
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer
