"""A charger is handed over to the next visitor while its readings are on their way."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import pytest

from tests.fixtures import raw_frames
from tests.fixtures.raw_frames import CONTINUATION, PONG, TEXT, handshake, masked, reading
from tests.fixtures.redis_at import client_of
from tests.fixtures.secured import open_port
from tests.integration.hub.booth import CHARGED, CHARGING, SOON, Booth, Stored, received
from tests.integration.hub.conftest import StartGateway, StartRouter
from tools.servers.redis.server import RedisServer

HEAD = handshake("/chargers/c1234")
PING = masked(raw_frames.PING)
SAY_AGAIN = b"\x03\xe9say your level again"
CERTAINLY = 0.3
"""Seconds before a pairing at which a reading is certainly from before it."""


class RawCharger:
    """A charger that says exactly what a test has it say.

    Attributes:
        pings: What the gateway pinged with.
        closed: What it closed with, once it did.
        answer: What is sent for a ping.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.pings: list[bytes] = []
        self.closed: bytes | None = None
        self._opened = asyncio.Event()
        self.answer: Callable[[bytes], bytes] = lambda payload: masked(PONG, payload)

    @classmethod
    @asynccontextmanager
    async def at(cls, booth: Booth, first: bytes = b"") -> AsyncIterator[Self]:
        """Connect, and send the head and something at once."""
        reader, writer = await open_port(booth.host, booth.charger_port)
        writer.write(HEAD + first)
        charger = cls(reader, writer)
        task = asyncio.create_task(charger._hear())
        try:
            yield charger
        finally:
            task.cancel()
            writer.transport.abort()
            await asyncio.wait([task])

    def send(self, data: bytes) -> None:
        """Send now: the kernel has it when this returns."""
        self._writer.write(data)

    async def is_open(self) -> None:
        async with asyncio.timeout(SOON):
            await self._opened.wait()

    async def _hear(self) -> None:
        await self._reader.readuntil(b"\r\n\r\n")
        self._opened.set()
        while True:
            opcode, length = await self._reader.readexactly(2)
            payload = await self._reader.readexactly(length)
            if opcode & 0x0F == raw_frames.PING:
                self.pings.append(payload)
                self._writer.write(self.answer(payload))
            elif opcode & 0x0F == raw_frames.CLOSE:
                self.closed = payload

    async def asked_again(self) -> None:
        """Return once the gateway closed it, so that it says its level again."""
        await until(lambda: self.closed)
        assert self.closed == SAY_AGAIN

    async def pinged(self, times: int = 1) -> None:
        await until(lambda: len(self.pings) >= times)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(SOON + 5):
        while not condition():  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)


async def hand_over(stored: Stored, number: int = 8) -> None:
    await stored.pair("c1234", "wABCD", number, seconds_ago=0)


def hand_over_in_a_stall(redis_url: str) -> None:
    """Keep this event loop, and so the gateway, from running while the charger is handed over."""

    async def other_loop() -> None:
        async with client_of(redis_url) as client:
            await hand_over(Stored(client))

    time.sleep(CERTAINLY)  # blocking: what was sent lies in the kernel
    thread = threading.Thread(target=lambda: asyncio.run(other_loop()))
    thread.start()
    thread.join()


async def shows_nothing_but(booth: Booth, light: str, say: Callable[[], Any]) -> None:
    """The widget stays dark until ``say`` was called, then shows this."""
    async with booth.widget("wABCD") as widget:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(widget.recv(), 1.5)
        say()
        assert await received(widget) == light


async def test_a_reading_that_lay_in_a_stalled_gateway_lights_nothing(
    booth: Booth, stored: Stored, redis_url: str
) -> None:
    async with RawCharger.at(booth) as charger:
        await charger.is_open()
        await stored.until(lambda: stored.live("c1234"))
        charger.send(reading(100))
        hand_over_in_a_stall(redis_url)
        await charger.pinged()
        await charger.asked_again()
    async with RawCharger.at(booth) as charger:
        await charger.is_open()
        await shows_nothing_but(booth, CHARGING, lambda: charger.send(reading(20)))


@pytest.mark.parametrize("between", [b"", PING * 200], ids=["with the head", "behind it"])
async def test_head_and_reading_that_lay_in_a_stalled_gateway_light_nothing(
    booth: Booth, redis_url: str, between: bytes
) -> None:
    async with RawCharger.at(booth, between + reading(100)) as charger:
        hand_over_in_a_stall(redis_url)
        await charger.is_open()
        await charger.asked_again()
    async with RawCharger.at(booth) as charger:
        await charger.is_open()
        await shows_nothing_but(booth, CHARGING, lambda: charger.send(reading(20)))


async def test_a_reading_behind_a_flood_lights_nothing_after_a_hand_over(
    booth: Booth, stored: Stored
) -> None:
    async with RawCharger.at(booth) as charger:
        await charger.is_open()
        charger.send(PING * 4000 + reading(100))
        await asyncio.sleep(0.7)
        await hand_over(stored)
        await charger.asked_again()
        live = await stored.live("c1234")
        assert live is not None
        assert live["soc"] == 100
    assert await stored.status("wABCD") is None


async def test_a_message_that_began_before_the_pong_lights_nothing(
    booth: Booth, stored: Stored
) -> None:
    message = b'{"event":"StateOfCharge","data":{"soc":100}}'
    async with RawCharger.at(booth) as charger:
        await charger.is_open()
        await stored.until(lambda: stored.live("c1234"))
        charger.send(masked(TEXT, message[:9], final=False))
        await hand_over(stored)
        await charger.pinged()
        charger.send(masked(CONTINUATION, message[9:]))
        await stored.until(lambda: stored.level("c1234"))
        await shows_nothing_but(booth, CHARGING, lambda: charger.send(reading(20)))


@pytest.mark.parametrize(
    "answer",
    [
        lambda payload: masked(PONG, payload),
        lambda _payload: b"",
        lambda _payload: masked(PONG),
        lambda _payload: masked(PONG, b"mark 0") + masked(PONG, b"1"),
    ],
    ids=["answers", "never answers", "answers empty", "sends others"],
)
async def test_a_reading_between_pairing_and_pong_is_said_again(
    booth: Booth, stored: Stored, answer: Callable[[bytes], bytes]
) -> None:
    def say_first(payload: bytes) -> bytes:
        # A ping without a payload is no mark: a reading before its pong would come after the mark.
        return (reading(100) if payload else b"") + answer(payload)

    async with RawCharger.at(booth) as charger:
        await charger.is_open()
        charger.answer = say_first
        await stored.until(lambda: stored.live("c1234"))
        await hand_over(stored)
        await charger.asked_again()
    assert await stored.status("wABCD") is None
    async with RawCharger.at(booth) as charger:
        charger.answer = answer
        await charger.is_open()
        charger.send(reading(100))
        async with booth.widget("wABCD") as widget:
            assert await received(widget) == CHARGED


async def test_of_two_changes_in_one_round_trip_only_the_last_ones_pong_counts(
    booth: Booth, stored: Stored
) -> None:
    async with RawCharger.at(booth) as charger:
        charger.answer = lambda _payload: b""
        await charger.is_open()
        await stored.until(lambda: stored.live("c1234"))
        await hand_over(stored)
        await charger.pinged(1)
        await hand_over(stored, 9)
        await charger.pinged(2)
        first, second = charger.pings
        charger.send(masked(PONG, first) + reading(100))
        answer = masked(PONG, second) + reading(20)
        await shows_nothing_but(booth, CHARGING, lambda: charger.send(answer))


async def test_an_empty_charger_is_not_asked_at_a_hand_over(booth: Booth, stored: Stored) -> None:
    async with RawCharger.at(booth) as charger:
        await charger.is_open()
        charger.send(reading(100))
        await stored.until(lambda: stored.level("c1234"))
        await asyncio.sleep(CERTAINLY)
        await hand_over(stored)
        await asyncio.sleep(3)
        assert charger.closed is None
        await shows_nothing_but(booth, CHARGING, lambda: charger.send(reading(20)))


async def test_one_that_waits_for_its_101_sends_and_leaves_lights_a_young_pairing(
    booth: Booth, stored: Stored
) -> None:
    await hand_over(stored)
    await booth.report("c1234", 100)
    await stored.until(lambda: stored.status("wABCD"))


class TestWhileRedisIsAway:
    """With a Redis of its own, which freezes."""

    @pytest.fixture
    def redis_url(self, private_redis: RedisServer) -> str:
        return private_redis.url

    @pytest.mark.parametrize(
        ("seconds_ago", "is_asked"), [(60, False), (1, True)], ids=["old", "young"]
    )
    async def test_one_that_connects_then_and_falls_silent_gets_its_light(
        self,
        stored: Stored,
        start_gateway: StartGateway,
        start_router: StartRouter,
        private_redis: RedisServer,
        *,
        seconds_ago: float,
        is_asked: bool,
    ) -> None:
        await stored.pair("c1234", "wABCD", 7, seconds_ago=seconds_ago)
        await stored.complete()
        await start_router()
        # With secrets nobody would be let in meanwhile.
        booth = await start_gateway(device_auth="off")
        private_redis.freeze()
        async with RawCharger.at(booth) as charger:
            await charger.is_open()
            charger.send(reading(100))
            await asyncio.sleep(1)
            private_redis.thaw()
            if is_asked:
                await charger.asked_again()
                assert await stored.status("wABCD") is None
                return
            await stored.until(lambda: stored.status("wABCD"))
            assert charger.closed is None
