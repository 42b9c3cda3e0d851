"""The subscribing connection: confirmations in order, and every loss noticed.

Redis' side is a script: each test says what Redis answers, and reads what it was sent.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.bus import single_server_subscriber as module
from shared.bus.bus import BusUnavailableError
from shared.bus.resp_encoding import decode_commands
from shared.bus.single_server_subscriber import SingleServerSubscriber
from tests.unit.shared.bus.told import DEADLINE_SECONDS, Told
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import running


class Together(list[Any]):
    """Replies that come in one segment."""


class FakeConnection:
    """Redis' end of a connection."""

    def __init__(self, redis: "FakeRedis") -> None:
        self._redis = redis
        self._replies: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: asyncio.Queue[list[str]] = asyncio.Queue()
        self.closed = False

    # What the subscriber calls.

    async def open(self) -> None:
        if self._redis.refusals:
            self._redis.refusals -= 1
            raise BusUnavailableError("away")
        self._redis.opened.put_nowait(self)

    async def close(self) -> None:
        self.closed = True

    async def send(self, data: bytes) -> None:
        for words in decode_commands(data):
            if words[0] != "PING":
                self.sent.put_nowait(words)

    async def receive(self) -> list[Any]:
        reply = await self._replies.get()
        if isinstance(reply, BusUnavailableError):
            raise reply
        return reply if type(reply) is Together else [reply]

    # What a test does.

    def say(self, *replies: Any) -> None:
        """Have Redis answer."""
        for reply in replies:
            self._replies.put_nowait(reply)

    def confirm(self, *channels: str, kind: bytes = b"subscribe") -> None:
        """Have Redis confirm commands, and answer the ping that follows them."""
        self.say(*([kind, channel.encode(), 1] for channel in channels), [b"pong", b""])

    def lose(self) -> None:
        """Break the connection."""
        self.say(BusUnavailableError("lost"))

    async def command(self) -> list[str]:
        """Return the next command that was sent, pings left out."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.sent.get()


class FakeRedis:
    """Hands out connections."""

    def __init__(self) -> None:
        self.opened: asyncio.Queue[FakeConnection] = asyncio.Queue()
        self.refusals = 0

    async def connection(self) -> FakeConnection:
        """Return the connection that is opened next."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self.opened.get()


class Owner(Told):
    """Owns a subscriber."""

    def __init__(self) -> None:
        super().__init__()
        self.subscriber = SingleServerSubscriber("redis://unused", "test", rng=NoDelay())


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> FakeRedis:
    redis = FakeRedis()
    monkeypatch.setattr(module, "RedisConnection", lambda _url, _name: FakeConnection(redis))
    # This Redis answers no pings; only the test of silence is to end by silence.
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 600)
    return redis


@pytest.fixture
async def owner(redis: FakeRedis) -> AsyncIterator[Owner]:  # noqa: ARG001 - it must be there
    """An owner whose subscriber runs."""
    owner = Owner()
    async with running(owner.subscriber.run()):
        yield owner


@pytest.fixture
async def connection(owner: Owner, redis: FakeRedis) -> FakeConnection:
    """The connection of an owner that heard of the channel "a" that it is confirmed."""
    owner.subscriber.subscribe(["a"], owner)
    connection = await redis.connection()
    assert await connection.command() == ["SUBSCRIBE", "a"]
    assert not owner.subscriber.is_confirmed("a")
    assert not owner.subscriber.connected
    connection.confirm("a")
    assert await owner.told() == ["a"]
    return connection


@pytest.mark.usefixtures("connection")
async def test_channels_are_confirmed_before_their_owner_reads(owner: Owner) -> None:
    assert owner.subscriber.is_confirmed("a")
    assert owner.subscriber.connected


async def test_a_batch_of_confirmations_is_told_at_once(owner: Owner, redis: FakeRedis) -> None:
    owner.subscriber.subscribe(["a", "b", "c"], owner)
    connection = await redis.connection()
    assert sorted((await connection.command())[1:]) == ["a", "b", "c"]
    connection.confirm("a", "b", "c")
    assert await owner.told() == ["a", "b", "c"]


async def test_without_channels_a_plain_pong_is_taken(owner: Owner, redis: FakeRedis) -> None:
    connection = await redis.connection()
    connection.say(b"PONG")
    owner.subscriber.subscribe(["a"], owner)
    assert await connection.command() == ["SUBSCRIBE", "a"]
    connection.confirm("a")
    assert await owner.told() == ["a"]
    assert owner.subscriber.connected
    assert not connection.closed


async def test_messages_are_passed_on_with_their_channel(
    owner: Owner, connection: FakeConnection
) -> None:
    connection.say([b"message", b"a", b"\xff{}"])
    assert await owner.told() == ("a", b"\xff{}")


async def test_each_handler_hears_of_its_own_channels_only(owner: Owner, redis: FakeRedis) -> None:
    other = Owner()
    owner.subscriber.subscribe(["a", "b"], owner)
    owner.subscriber.subscribe(["b", "c"], other)
    connection = await redis.connection()
    connection.confirm("a", "b", "c")
    connection.say(*([b"message", channel, b"x"] for channel in (b"c", b"b", b"never", b"a")))
    assert [await owner.told() for _ in range(3)] == [["a", "b"], ("b", b"x"), ("a", b"x")]
    assert [await other.told() for _ in range(2)] == [["c"], ("c", b"x")]
    assert not other.told_more


async def test_messages_of_a_channel_that_is_unsubscribed_reach_nobody(
    owner: Owner, redis: FakeRedis
) -> None:
    owner.subscriber.subscribe(["a", "b"], owner)
    connection = await redis.connection()
    connection.confirm("a", "b")
    assert await owner.told() == ["a", "b"]
    owner.subscriber.unsubscribe(["a"])
    connection.say([b"message", b"a", b"late"], [b"message", b"b", b"x"])
    assert await owner.told() == ("b", b"x")
    owner.subscriber.subscribe(["c"], owner)
    owner.subscriber.unsubscribe(["c"])
    connection.confirm("c")
    owner.subscriber.subscribe(["d"], owner)
    connection.confirm("d")
    assert await owner.told() == ["d"]


async def test_messages_that_come_together_are_passed_on_in_order(
    owner: Owner, redis: FakeRedis
) -> None:
    owner.subscriber.subscribe(["a"], owner)
    connection = await redis.connection()
    connection.say(
        Together(
            [
                [b"subscribe", b"a", 1],
                [b"message", b"a", b"1"],
                [b"pong", b""],
                [b"message", b"a", b"2"],
            ]
        )
    )
    assert await owner.told() == ("a", b"1")
    assert await owner.told() == ["a"]
    assert await owner.told() == ("a", b"2")


async def test_a_channel_wanted_twice_is_asked_for_once(
    owner: Owner, connection: FakeConnection
) -> None:
    owner.subscriber.subscribe(["a"], owner)
    owner.subscriber.unsubscribe(["never wanted"])
    owner.subscriber.subscribe(["b"], owner)
    assert await connection.command() == ["SUBSCRIBE", "b"]


async def test_only_the_confirmation_of_the_last_command_counts(
    owner: Owner, redis: FakeRedis
) -> None:
    # The first confirmation is of a subscription that ended again: what is stored
    # would be read while no messages come.
    owner.subscriber.subscribe(["a", "last"], owner)
    connection = await redis.connection()
    await connection.command()
    owner.subscriber.unsubscribe(["a"])
    owner.subscriber.subscribe(["a"], owner)
    assert await connection.command() == ["UNSUBSCRIBE", "a"]
    assert await connection.command() == ["SUBSCRIBE", "a"]

    connection.confirm("a", "last")
    assert await owner.told() == ["last"]
    assert not owner.subscriber.is_confirmed("a")
    assert not owner.subscriber.connected

    connection.confirm("a", kind=b"unsubscribe")
    connection.confirm("a")
    assert await owner.told() == ["a"]
    assert owner.subscriber.is_confirmed("a")
    assert owner.subscriber.connected
    assert not owner.told_more


async def test_a_channel_no_longer_wanted_is_not_confirmed_any_more(
    owner: Owner, redis: FakeRedis
) -> None:
    owner.subscriber.subscribe(["a", "b"], owner)
    connection = await redis.connection()
    connection.confirm("a", "b")
    await owner.told()
    owner.subscriber.unsubscribe(["a"])
    assert not owner.subscriber.is_confirmed("a")
    assert owner.subscriber.connected
    await connection.command()
    assert await connection.command() == ["UNSUBSCRIBE", "a"]
    connection.confirm("a", kind=b"unsubscribe")
    connection.say([b"message", b"b", b"still here"])
    assert await owner.told() == ("b", b"still here")


REPLIES = [
    *[b"OK", None, [b"smessage", b"a", b"x"], ValueError("-ERR")],
    [b"unsubscribe", b"a", 0],  # that nobody asked for
]


@pytest.mark.parametrize("reply", REPLIES)
async def test_an_unexpected_answer_is_a_loss(
    owner: Owner, redis: FakeRedis, connection: FakeConnection, reply: object
) -> None:
    connection.say(reply)
    again = await redis.connection()
    assert connection.closed
    assert await again.command() == ["SUBSCRIBE", "a"]
    again.confirm("a")
    assert await owner.told() == ["a"]


async def test_a_connection_that_is_not_trusted_any_more_is_opened_again_once(
    owner: Owner, redis: FakeRedis, connection: FakeConnection
) -> None:
    owner.subscriber.drop_connection("it leads to a replica")
    again = await redis.connection()
    assert connection.closed
    again.confirm("a")
    assert await owner.told() == ["a"]
    assert redis.opened.empty()


async def test_silence_is_a_loss(
    owner: Owner, redis: FakeRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_SILENCE_SECONDS", 0.5)
    owner.subscriber.subscribe(["a"], owner)
    connection = await redis.connection()
    connection.confirm("a")
    assert await owner.told() == ["a"]
    again = await redis.connection()
    assert connection.closed
    assert await again.command() == ["SUBSCRIBE", "a"]


async def test_after_a_loss_all_that_is_wanted_by_then_is_subscribed_again(
    owner: Owner, redis: FakeRedis
) -> None:
    owner.subscriber.subscribe(["a", "b"], owner)
    connection = await redis.connection()
    connection.confirm("a", "b")
    await owner.told()
    owner.subscriber.unsubscribe(["a"])
    connection.lose()
    again = await redis.connection()
    owner.subscriber.subscribe(["c"], owner)
    wanted = await again.command()
    while sorted(wanted[1:]) != ["b", "c"]:
        wanted += (await again.command())[1:]
    assert connection.closed
    assert not owner.subscriber.connected
    assert not owner.subscriber.is_confirmed("b")
    again.confirm("b", "c")
    assert await owner.told() == ["b", "c"]
    assert owner.subscriber.connected


async def test_what_was_unanswered_at_a_loss_is_not_waited_for(
    owner: Owner, redis: FakeRedis
) -> None:
    owner.subscriber.subscribe(["a"], owner)
    connection = await redis.connection()
    await connection.command()
    connection.lose()
    again = await redis.connection()
    assert await again.command() == ["SUBSCRIBE", "a"]
    again.confirm("a")
    assert await owner.told() == ["a"]


async def test_channels_may_change_while_redis_is_away(
    owner: Owner, redis: FakeRedis, connection: FakeConnection
) -> None:
    redis.refusals = 3
    connection.lose()
    owner.subscriber.subscribe(["b"], owner)
    owner.subscriber.unsubscribe(["a"])
    again = await redis.connection()
    assert await again.command() == ["SUBSCRIBE", "b"]
    again.confirm("b")
    assert await owner.told() == ["b"]
    assert redis.refusals == 0


async def test_many_channels_are_asked_for_in_several_commands(
    owner: Owner, redis: FakeRedis
) -> None:
    channels = {f"c{number}" for number in range(1234)}
    owner.subscriber.subscribe(channels, owner)
    connection = await redis.connection()
    asked: list[str] = []
    while len(asked) < len(channels):
        verb, *names = await connection.command()
        assert verb == "SUBSCRIBE"
        assert len(names) <= 500
        asked += names
    assert set(asked) == channels


async def test_a_bug_in_the_owner_is_not_taken_for_a_loss(redis: FakeRedis) -> None:
    class Broken(Owner):
        def on_message(self, _channel: str, _payload: bytes) -> None:
            raise KeyError("a bug")

    owner = Broken()
    subscriber = owner.subscriber
    subscriber.subscribe(["a"], owner)
    running = asyncio.create_task(subscriber.run())
    connection = await redis.connection()
    connection.say([b"message", b"a", b"x"])
    async with asyncio.timeout(DEADLINE_SECONDS):
        with pytest.raises(KeyError):
            await running
    assert connection.closed
