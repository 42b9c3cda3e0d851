"""Two visitors, one after the other, with one charger and one widget."""

import asyncio
import uuid
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.integration.hub.booth import (
    CHARGED,
    CHARGING,
    CHARGING80,
    SOON,
    close_code,
    reading,
    receipt,
    received,
)

DARK_SECONDS = 1.5
"""So long a widget is watched that must stay dark: three sweeps of the router."""


class Desk:
    def __init__(self, running: Hub) -> None:
        self._client = httpx.AsyncClient(base_url=running.registry_url, trust_env=False)

    async def hand_over(self, **wish: str) -> str:
        rental = str(uuid.uuid4())
        answer = await self._client.put(f"/rentals/{rental}", json=wish)
        assert (answer.status_code, answer.json()["projected"]) == (201, True), answer.text
        return rental

    async def collect(self, rental: str, pairing: str) -> dict[str, Any]:
        answer = await self._client.put(f"/rentals/{rental}/collection", json={"pairing": pairing})
        assert answer.json()["projected"] is True
        collected: dict[str, Any] = answer.json()
        return collected

    async def once_it_reached(self, rental: str, level: str) -> dict[str, Any]:
        async with asyncio.timeout(SOON):
            while True:
                found: dict[str, Any] = (await self._client.get(f"/rentals/{rental}")).json()
                if found[f"reached_{level}_at"] is not None:
                    return found
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        await self._client.aclose()


async def _stays_dark(widget: ClientConnection) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(DARK_SECONDS):
            await widget.recv()


@pytest.mark.parametrize("pairing", ["keep", "end"])
async def test_the_next_visitor_never_sees_the_last_ones_light(hub: StartHub, pairing: str) -> None:
    running = await hub()
    await running.register(("c1234", "wABCD"))
    (gateway,) = running.gateways
    desk = Desk(running)
    first = await desk.hand_over(charger="c1234", ticket="1")
    async with connect_device(gateway.charger_url("c1234")) as charger:
        async with connect_device(gateway.widget_url("wABCD")) as widget:
            for level, light in ((20, CHARGING), (85, CHARGING80), (100, CHARGED)):
                await charger.send(reading(level))
                assert await received(widget) == light
            done = await desk.once_it_reached(first, "100")
            assert done["opened_at"] <= done["reached_80_at"] <= done["reached_100_at"]
            await desk.collect(first, pairing)
            assert await close_code(widget) == 1001, "go dark"
        async with connect_device(gateway.widget_url("wABCD")) as widget:
            await _stays_dark(widget)
        # The phone is gone, but the charger says once more what it had.
        await charger.send(reading(100))
        await receipt(charger)
        second = await desk.hand_over(charger="c1234", widget="wABCD", ticket="2")
        async with connect_device(gateway.widget_url("wABCD")) as widget:
            await _stays_dark(widget)
            await charger.send(reading(30))
            assert await received(widget) == CHARGING
            await charger.send(reading(80))
            assert await received(widget) == CHARGING80
            again = await desk.once_it_reached(second, "80")
            assert again["reached_100_at"] is None, "that was the first visitor's phone"
    after = await desk.once_it_reached(first, "100")
    for moment in ("reached_80_at", "reached_100_at"):
        assert after[moment] == done[moment], "the second visitor's phone is another one"
    await desk.close()
