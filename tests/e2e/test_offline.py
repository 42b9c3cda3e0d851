"""A gateway is killed: its devices go offline by themselves, and others hear of it."""

import asyncio
import json
import time
from typing import Any

import httpx

from shared.contract.names import Names
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.fixtures.redis_at import hearing
from tests.integration.hub.booth import reading, receipt

PROMISED_SECONDS = 30.0


class State:
    """What the registry tells of devices."""

    def __init__(self, running: Hub) -> None:
        self.client = httpx.AsyncClient(base_url=running.registry_url, trust_env=False)

    async def of(self, path: str) -> dict[str, Any]:
        state: dict[str, Any] = (await self.client.get(f"{path}/state")).json()
        return state

    async def until(self, path: str, *, online: bool) -> dict[str, Any]:
        async with asyncio.timeout(PROMISED_SECONDS):
            while True:
                state = await self.of(path)
                if state["online"] is online:
                    return state
                await asyncio.sleep(0.1)


async def test_a_killed_gateways_devices_go_offline_by_themselves(
    hub: StartHub, redis_url: str
) -> None:
    running = await hub(gateways=2)
    await running.register(("c1234", "wABCD"), ("c5678", "wEFGH"))
    doomed, living = running.gateways
    state = State(running)
    names = Names(64)
    async with (
        hearing(redis_url, names.of_charger("c1234").presence_changes) as events,
        connect_device(living.charger_url("c5678")),
        connect_device(living.widget_url("wEFGH")),
        connect_device(doomed.charger_url("c1234")) as charger,
        connect_device(doomed.widget_url("wABCD")),
    ):
        await charger.send(reading(50))
        await receipt(charger)
        for path in ("/chargers/c1234", "/widgets/wABCD", "/chargers/c5678", "/widgets/wEFGH"):
            await state.until(path, online=True)
        doomed.process.kill()
        killed_at = time.monotonic()
        for path in ("/chargers/c1234", "/widgets/wABCD"):
            offline = await state.until(path, online=False)
            assert offline["last_seen"] is not None
        said = await _until_offline(events, "c1234")
        assert time.monotonic() - killed_at < PROMISED_SECONDS
        assert said["online"] is False
        for path in ("/chargers/c5678", "/widgets/wEFGH"):
            assert (await state.of(path))["online"] is True, "theirs is alive"
        # It comes back on the other gateway, and is online there.
        async with connect_device(living.charger_url("c1234")) as again:
            await again.send(reading(60))
            await receipt(again)
            back = await state.until("/chargers/c1234", online=True)
            assert back["reading"]["soc"] == 60
    await state.client.aclose()


async def _until_offline(events: list[tuple[str, bytes]], charger: str) -> dict[str, Any]:
    async with asyncio.timeout(PROMISED_SECONDS):
        while True:
            for _, payload in events:
                said: dict[str, Any] = json.loads(payload)
                if said["charger"] == charger and not said["online"]:
                    return said
            await asyncio.sleep(0.01)
