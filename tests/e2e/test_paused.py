"""A gateway that did not run for a while takes what it finds for what it is: old."""

import asyncio
import json

import pytest
from websockets.asyncio.client import connect

from shared.contract.names import Names
from tests.fixtures.hub import HOST, StartHub
from tests.fixtures.raw_frames import handshake, reading
from tests.fixtures.redis_at import client_of
from tests.integration.hub import booth


async def test_a_connection_that_a_paused_gateway_finds_does_not_supersede_a_living_one(
    hub: StartHub, redis_url: str
) -> None:
    running = await hub(gateways=2)
    await running.register(("c1234", "wABCD"))
    paused, other = running.gateways
    paused.process.freeze()
    # The kernel takes the connection and keeps what it says; then the charger gives up.
    _, abandoned = await asyncio.open_connection(HOST, paused.charger_port)
    abandoned.write(handshake("/chargers/c1234") + reading(10))
    await abandoned.drain()
    async with (
        connect(other.charger_url("c1234")) as charger,
        connect(other.widget_url("wABCD")) as widget,
    ):
        await charger.send(booth.reading(100))
        await booth.receipt(charger)
        assert await booth.received(widget) == booth.CHARGED
        await asyncio.sleep(1.5)  # longer than a connection counts as alive without a sign
        paused.process.thaw()
        await paused.process.ready()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(widget.recv(), 3)
        async with client_of(redis_url) as client:
            live = await client.hget(Names(64).of_charger("c1234").live, "c1234")
        assert json.loads(live)["soc"] == 100
        # And the living one still counts.
        await charger.send(booth.reading(30))
        assert await booth.received(widget) == booth.CHARGING
    abandoned.close()
