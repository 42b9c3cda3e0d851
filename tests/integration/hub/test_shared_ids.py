"""Two devices with one id are noted; a device that merely reconnects is not."""

import json

import pytest

from services.gateway.widgets import widgets
from shared.contract.names import REFUSED
from tests.integration.hub.booth import Stored, close_code, reading, receipt
from tests.integration.hub.conftest import StartGateway


async def times(stored: Stored, item: str) -> int:
    found = await stored.client.hget(REFUSED, item)
    return int(json.loads(found)["count"]) if found else 0


CHARGER = "charger shared_id 127.0.0.1 /chargers/c1234"
WIDGET = "widget shared_id 127.0.0.1 /widgets/wABCD"


@pytest.mark.parametrize("gateways", [1, 2])
async def test_chargers_that_take_turns_are_counted(
    stored: Stored, start_gateway: StartGateway, gateways: int
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booths = [await start_gateway() for _ in range(gateways)] * (3 - gateways)
    for turn in range(1, 4):
        async with booths[0].charger("c1234") as one:
            await one.send(reading(10))
            await receipt(one)
            async with booths[1].charger("c1234") as other:
                await other.send(reading(20))
                await receipt(other)
                await one.send(reading(30))
                assert await close_code(one) == 4409

        async def counted(least: int = turn) -> bool:
            return await times(stored, CHARGER) == least

        await stored.until(counted)


async def test_a_charger_that_reconnects_is_not_two_though_old_readings_come_late(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway(device_auth="off")
    for _ in range(3):
        async with booth.charger("c1234") as lost:
            await lost.send(reading(10))
            await receipt(lost)
            # Nobody is there any more to answer a ping; but its kernel still sends.
            lost.transport.pause_reading()
            async with booth.charger("c1234") as again:
                await again.send(reading(20))
                await receipt(again)
                await lost.send(reading(11))
                await again.send(reading(21))
                await receipt(again)

    async def told() -> bool:
        return (await stored.rejection("c1234")).get("code") == "superseded"

    await stored.until(told)
    # Written after what was noted before it, a second at most.
    async with booth.charger("ghost") as ghost:
        assert await close_code(ghost) == 4404

    async def written() -> bool:
        return await times(stored, "charger not_registered 127.0.0.1 /chargers/ghost") == 1

    await stored.until(written)
    assert await times(stored, CHARGER) == 0


async def test_two_widgets_are_counted_as_long_as_both_are_there(
    stored: Stored, start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(widgets, "_CUT_OFF_SECONDS", 0.1)
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway(ping_interval_seconds=0.5, silence_seconds=1.5)

    async def counted() -> bool:
        return await times(stored, WIDGET) >= 2  # a line for each device, and both are here

    async with booth.widget("wABCD"), booth.widget("wABCD"):
        await stored.until(counted)
