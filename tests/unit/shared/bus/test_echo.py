"""A process hears itself, or knows that it does not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from shared.bus import echo as module
from shared.bus.echo import Echo
from tests.unit.shared.fake_bus import FakeBus, FakeSubscriber
from tests.unit.shared.running import running

DEADLINE_SECONDS = 30


class EchoBus(FakeBus):
    """Notes what is published; the test says whether Redis is there."""

    def __init__(self) -> None:
        super().__init__()
        self.published: asyncio.Queue[Sequence[Any]] = asyncio.Queue()

    async def commands(
        self, commands: Sequence[Sequence[Any]], *, return_errors: bool = False
    ) -> list[Any]:
        for words in commands:
            self.published.put_nowait(words)
        return await super().commands(commands, return_errors=return_errors)

    def answer_command(self, _words: Sequence[Any]) -> int:
        return 1

    async def call(self) -> bytes:
        """Return the payload of the next call."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            verb, channel, payload = await self.published.get()
        assert (verb, channel) == ("PUBLISH", "mine")
        return str(payload).encode()


class Owner:
    """An echo that calls all the time, and a clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.bus = EchoBus()
        self.subscriber = FakeSubscriber()
        self.echo = Echo(self.bus, self.subscriber, "mine", lambda: self.now)

    async def call(self, *, after: float = 0.5, heard: bool = True) -> None:
        """Let time pass and one more call be made, which is heard or not."""
        self.now += after
        payload = await self.bus.call()
        if heard:
            self.echo.on_message("mine", payload)
        await asyncio.sleep(0)


@pytest.fixture
async def owner(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Owner]:
    monkeypatch.setattr(module, "_CALL_SECONDS", 0)
    owner = Owner()
    async with running(owner.echo.call()):
        yield owner


async def test_before_anything_was_heard_nothing_comes_back(owner: Owner) -> None:
    assert not owner.echo.comes_back


async def test_a_call_that_was_heard_came_back_for_two_seconds(owner: Owner) -> None:
    await owner.call()
    assert owner.echo.comes_back
    owner.now += 2
    assert owner.echo.comes_back
    owner.now += 0.01
    assert not owner.echo.comes_back


async def test_who_does_not_hear_its_calls_for_two_seconds_opens_its_ears_anew(
    owner: Owner,
) -> None:
    await owner.call()
    for _ in range(4):
        await owner.call(heard=False)
    assert owner.subscriber.dropped == []
    await owner.call(heard=False)
    await owner.call(heard=False)
    assert owner.subscriber.dropped == [("it does not hear what is published", "mine")]
    assert not owner.echo.comes_back


async def test_after_that_it_gets_time_to_hear_again(owner: Owner) -> None:
    for _ in range(12):
        await owner.call(heard=False)
    given_up = len(owner.subscriber.dropped)
    assert 1 <= given_up <= 3
    owner.subscriber.confirm("mine")
    await owner.call()
    assert owner.echo.comes_back
    assert len(owner.subscriber.dropped) == given_up


async def test_what_could_not_be_published_says_nothing_of_the_ears(owner: Owner) -> None:
    owner.bus.away = True
    for _ in range(20):
        await owner.call(heard=False)
    assert owner.subscriber.dropped == []
    assert not owner.echo.comes_back


async def test_a_call_that_was_held_up_for_long_does_not_count(owner: Owner) -> None:
    owner.now += 0.5
    payload = await owner.bus.call()
    owner.now += 2.1
    owner.echo.on_message("mine", payload)
    assert not owner.echo.comes_back


@pytest.mark.parametrize("payload", [b"", b"hello", b"nan", b"inf", b"-inf", b"9e99", b"\xff"])
async def test_what_somebody_else_publishes_does_not_count(owner: Owner, payload: bytes) -> None:
    owner.echo.on_message("mine", payload)
    assert not owner.echo.comes_back


async def test_it_wants_its_channel_and_calls_at_once_when_it_is_confirmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_CALL_SECONDS", 600)
    owner = Owner()
    assert not owner.subscriber.is_confirmed("mine")
    async with running(owner.echo.call()):
        await owner.bus.call()
        assert owner.subscriber.wanted == ["mine"]
        owner.subscriber.confirm("mine")
        owner.echo.on_message("mine", await owner.bus.call())
        assert owner.echo.comes_back


class ManyServers(EchoBus):
    """Three servers, the third of which may come later."""

    def __init__(self) -> None:
        super().__init__()
        self.known = ["0", "1"]

    def tags(self) -> list[str]:
        return self.known


async def test_on_a_cluster_it_calls_on_a_channel_of_each_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_CALL_SECONDS", 0)
    now = 1000.0
    bus, subscriber = ManyServers(), FakeSubscriber()
    echo = Echo(bus, subscriber, "mine", lambda: now)

    async def called() -> dict[str, bytes]:
        calls: dict[str, bytes] = {}
        async with asyncio.timeout(DEADLINE_SECONDS):
            while calls.keys() != {f"mine:{{{tag}}}" for tag in bus.known}:
                _, channel, payload = await bus.published.get()
                calls[channel] = payload.encode()
        return calls

    async with running(echo.call()):
        calls = await called()
        subscriber.publish("mine:{0}", calls["mine:{0}"])
        assert not echo.comes_back, "one server was not heard"
        subscriber.publish("mine:{1}", calls["mine:{1}"])
        assert echo.comes_back
        # One that joins gets time to be heard; one that left is not missed.
        bus.known = ["1", "2"]
        await called()
        assert echo.comes_back
        now += 1
        subscriber.publish("mine:{1}", (await called())["mine:{1}"])
        now += 1.5
        assert not echo.comes_back, "the new one was never heard"
        assert set(subscriber.wanted) == {"mine:{1}", "mine:{2}"}
