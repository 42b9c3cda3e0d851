"""What was last refused of a device can be looked up, and costs next to nothing."""

import contextlib
from collections.abc import Awaitable, Callable

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from tests.integration.hub.booth import Booth, Stored, close_code, reading, receipt
from tests.integration.hub.conftest import StartGateway


def _is(stored: Stored, code: str, device: str = "c1234") -> Callable[[], Awaitable[bool]]:
    async def noted() -> bool:
        return (await stored.rejection(device)).get("code") == code

    return noted


@pytest.fixture
async def lonely(stored: Stored, start_gateway: StartGateway) -> Booth:
    """A gateway that knows c1234 and wABCD."""
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    return await start_gateway(instance_id="gateway-a")


async def _too_big(charger: ClientConnection) -> None:
    await charger.send("x" * 2000)
    assert await close_code(charger) == 1009


async def _no_utf8(charger: ClientConnection) -> None:
    await charger.send(b'{"event":"\xff"}', text=True)
    assert await close_code(charger) == 1007


async def _flood(charger: ClientConnection) -> None:
    for _ in range(25):
        await charger.send("x")
    assert await close_code(charger) == 1008


async def _out_of_range(charger: ClientConnection) -> None:
    await charger.send(reading(101))
    await charger.recv()


@pytest.mark.parametrize(
    ("misdeed", "code", "words"),
    [
        (_out_of_range, "out_of_range", "100"),
        (_flood, "too_many_bad_frames", "20"),
        (_too_big, "too_big", ""),
        (_no_utf8, "not_text", ""),
    ],
)
async def test_what_a_charger_did_wrong_is_noted(
    lonely: Booth,
    stored: Stored,
    misdeed: Callable[[ClientConnection], Awaitable[None]],
    code: str,
    words: str,
) -> None:
    async with lonely.charger("c1234") as charger:
        await charger.send(reading(50))
        await receipt(charger)
        live = await stored.live("c1234")
        assert live is not None
        await misdeed(charger)
    await stored.until(_is(stored, code))
    noted = await stored.rejection("c1234")
    assert set(noted) == {"at", "gateway", "code", "message"}
    assert noted["gateway"] == "gateway-a"
    assert words in noted["message"]
    assert live["received_at"] < noted["at"] < live["received_at"] + 60_000_000


async def test_only_the_newest_is_kept_whichever_gateway_it_happened_at(
    lonely: Booth, stored: Stored, start_gateway: StartGateway
) -> None:
    other = await start_gateway(instance_id="gateway-b")
    for booth, name in ((lonely, "gateway-a"), (other, "gateway-b"), (lonely, "gateway-a")):
        async with booth.charger("c1234") as charger:
            await charger.send("x")
            await charger.recv()
            await charger.send(reading(-1))
            await charger.recv()

        async def newest(name: str = name) -> bool:
            noted = await stored.rejection("c1234")
            return (noted.get("code"), noted.get("gateway")) == ("out_of_range", name)

        await stored.until(newest)


async def test_a_superseded_connection_is_noted(lonely: Booth, stored: Stored) -> None:
    async with lonely.charger("c1234") as old:
        await old.send(reading(10))
        await receipt(old)
        async with lonely.charger("c1234") as new:
            await new.send(reading(20))
            await receipt(new)
            await old.send(reading(30))
            assert await close_code(old) == 4409
            await stored.until(_is(stored, "superseded"))


async def test_a_silent_device_is_noted(stored: Stored, start_gateway: StartGateway) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway(ping_interval_seconds=0.5, silence_seconds=0.6)
    async with booth.charger("c1234") as charger:
        charger.transport.pause_reading()  # it answers no pings any more
        await stored.until(_is(stored, "silent"))
        with contextlib.suppress(Exception):
            charger.transport.resume_reading()
    assert "0.6 s" in (await stored.rejection("c1234"))["message"]


async def test_a_wrong_secret_is_noted_for_those_that_exist_only(
    stored: Stored, start_gateway: StartGateway
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway(device_auth="required", credential_key="k" * 32)
    for charger in ("ghost", "c1234"):
        with pytest.raises(InvalidStatus):
            async with booth.charger(charger):
                pass
    await stored.until(_is(stored, "unauthorized"))
    assert await stored.rejection("ghost") == {}
    assert "secret" in (await stored.rejection("c1234"))["message"]


async def test_a_broken_value_in_redis_is_written_over(lonely: Booth, stored: Stored) -> None:
    names = stored.names.of_charger("c1234")
    async with lonely.charger("c1234") as charger:
        for broken in ("no json", "[]", '{"at":"x"}', "null"):
            await stored.client.hset(names.rejections, "c1234", broken)
            await charger.send("x")
            await charger.recv()

            async def mended() -> bool:
                raw = await stored.client.hget(names.rejections, "c1234")
                return b'"code":"not_json"' in raw

            await stored.until(mended)
