"""An operator's command reaches its charger on whichever gateway: once, in time, or not at all."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from services.gateway.ocpp.negotiation import Version
from shared.bus.bus import Bus
from shared.contract.charger_commands import Command, CommandName, encode_message
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.fixtures.redis_at import bus_to, hearing
from tests.integration.hub.booth import SOON, Booth, Stored, reading, receipt
from tests.integration.hub.conftest import StartGateway
from tests.integration.hub.ocpp_charger import OcppCharger, ocpp_charger

SECOND = 1_000_000


@dataclass
class Commander:
    """Commands as a registry does, and hears what comes of it."""

    stored: Stored
    bus: Bus
    heard: list[tuple[str, bytes]]

    async def epoch(self) -> int:
        live = await self.stored.live("c1234")
        return int(live["epoch"]) if live else 0

    async def command(
        self, epoch: int, *, left: int = 15 * SECOND, command_id: str = "x1", gateways: int = 1
    ) -> dict[str, Any]:
        """Command a reset, which so many gateways hear; return what came of it."""
        names = self.stored.names.of_charger("c1234")
        command = Command(
            id=command_id,
            command=CommandName.RESET,
            charger="c1234",
            epoch=epoch,
            deadline=await self.stored.now_us() + left,
        )
        async with asyncio.timeout(SOON):
            # A gateway has heard of a charger before it hears its channel.
            while await self.bus.command("PUBLISH", names.commands, "no command") < gateways:  # noqa: ASYNC110 - Redis rings no bell for this
                await asyncio.sleep(0.01)
            await self.bus.command("PUBLISH", names.commands, encode_message(command))
            while not (found := self.results(command_id)):  # noqa: ASYNC110 - heard elsewhere
                await asyncio.sleep(0.01)
        return found[0]

    def results(self, command_id: str) -> list[dict[str, Any]]:
        said = [json.loads(payload) for _, payload in self.heard]
        return [each for each in said if each["id"] == command_id]


@pytest.fixture
async def commander(stored: Stored, redis_url: str) -> AsyncIterator[Commander]:
    bus = bus_to(redis_url)
    channel = stored.names.of_charger("c1234").command_results
    async with hearing(redis_url, channel) as heard:
        yield Commander(stored, bus, heard)
    await bus.close()


async def settled(charger: OcppCharger) -> None:
    """Have the hub ask nothing by itself: it would wait for the answer."""
    await charger.report(50)
    await charger.boot()


@pytest.mark.parametrize("version", Version)
async def test_only_the_newest_connection_sends_and_it_sends_once(
    booth: Booth, commander: Commander, start_gateway: StartGateway, version: Version
) -> None:
    other = await start_gateway()
    async with ocpp_charger(booth, version) as old:
        await settled(old)
        superseded = await commander.epoch()
        async with ocpp_charger(other, version) as newest:
            await settled(newest)
            newest.obeys = "Rejected"
            epoch = await commander.epoch()
            assert epoch > superseded
            result = await commander.command(epoch, gateways=2)
            assert result == {"id": "x1", "charger": "c1234", "status": "Rejected"}
            # Two gateways have heard it. The older one hears in order: once it has answered this,
            # it would have sent that.
            late = await commander.command(superseded, command_id="x2", gateways=2)
            assert late["unsent"] == "superseded"
            assert (newest.commanded, old.commanded) == (["Reset"], [])


async def test_a_superseded_connection_does_not_send_what_is_meant_for_it(
    booth: Booth, commander: Commander, start_gateway: StartGateway
) -> None:
    other = await start_gateway()
    async with ocpp_charger(booth, Version.V16) as old:
        await settled(old)
        superseded = await commander.epoch()
        async with ocpp_charger(other, Version.V16) as newest:
            await newest.boot()
            result = await commander.command(superseded, gateways=2)
            assert result["unsent"] == "superseded"
            assert (newest.commanded, old.commanded) == ([], [])


async def test_a_command_that_comes_after_its_deadline_is_not_sent(
    booth: Booth, commander: Commander
) -> None:
    async with ocpp_charger(booth, Version.V201) as charger:
        await settled(charger)
        epoch = await commander.epoch()
        assert (await commander.command(epoch, left=-SECOND))["unsent"] == "late"
        assert charger.commanded == []
        assert (await commander.command(epoch, command_id="x2"))["accepted"]
        assert charger.commanded == ["Reset"]


async def test_commands_are_heard_again_after_redis_came_back_empty(
    booth: Booth, commander: Commander, stored: Stored
) -> None:
    async with ocpp_charger(booth, Version.V16) as charger:
        await settled(charger)
        key = stored.names.of_charger("c1234").ocpp
        await stored.until(lambda: stored.client.hexists(key, "c1234"))
        await stored.client.flushall()
        await stored.pair("c1234", "wABCD", 7)
        await stored.complete()
        # Or else a registry would take it for a charger of our own dialect from now on.
        await stored.until(lambda: stored.client.hexists(key, "c1234"))
        await stored.until(commander.epoch)
        assert (await commander.command(await commander.epoch()))["accepted"]


async def test_an_operator_commands_a_charger_on_another_gateway_over_rest(hub: StartHub) -> None:
    # One test, because a hub takes seconds to start.
    running = await hub(gateways=2)
    await running.register_charger("c1234")
    assert_refused(await command(running), 409, "charger-is-offline")
    async with connect_device(running.gateways[1].charger_url("c1234"), None, Version.V16) as line:
        charger = OcppCharger(Version.V16, line)
        async with charger.running():
            await settled(charger)
            for status, accepted in ("Unlocked", True), ("UnlockFailed", False):
                charger.obeys = status
                answer = (await known(running)).raise_for_status().json()
                assert (answer["status"], answer["accepted"]) == (status, accepted)
                again = await command(running, id=answer["id"])
                assert again.json() == answer
            assert charger.commanded == ["UnlockConnector 1"] * 2
    async with connect_device(running.gateways[0].charger_url("c1234")) as own:
        await own.send(reading(50))
        await receipt(own)
        async with asyncio.timeout(SOON):
            # For some seconds it may be one that has not said yet what it speaks.
            while "does not speak" not in (answer := await command(running)).json()["detail"]:  # noqa: ASYNC110 - asked of another process
                await asyncio.sleep(0.1)
        assert_refused(answer, 409, "speaks-no-ocpp")


async def command(hub: Hub, **more: str) -> httpx.Response:
    body = {"command": "unlock", **more}
    return await hub.client.post(f"{hub.registry_url}/chargers/c1234/commands", json=body)


async def known(hub: Hub) -> httpx.Response:
    """Command a charger that has connected, as soon as that is known everywhere."""
    async with asyncio.timeout(SOON):
        while (answer := await command(hub)).status_code in {409, 503}:  # noqa: ASYNC110 - asked of another process
            await asyncio.sleep(0.1)
    return answer


def assert_refused(answer: httpx.Response, status: int, kind: str) -> None:
    assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (status, kind)
