"""A bus and a subscriber without Redis: tests say what it answers, and read what it was sent."""

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.script import Argument, Call
from shared.bus.subscriber import Handler


class FakeWrites:
    """What was written over a connection; its bus says how many replicas have it."""

    def __init__(self, bus: "FakeBus") -> None:
        self._bus = bus

    async def replicas(self, _enough: int, _seconds: float) -> int:
        await self._bus.reach()
        if self._bus.writes is not self:
            raise BusUnavailableError("lost")
        self._bus.times_waited += 1
        return self._bus.replicas


class FakeBus:
    """A `shared.bus.bus.Bus` to one server; tests override what it answers.

    Attributes:
        failure: What every exchange raises, if anything.
        calls: All script calls that were answered.
        reconnected: What is called after a reconnect.
        dropped_because: Why connections were dropped.
        writes: What stands for all that is written.
        replicas: How many replicas have it.
        times_waited: How often they were waited for.
    """

    is_cluster = False
    connected = True
    trouble: BusUnavailableError | None = None

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.calls: list[Call] = []
        self.reconnected: list[Callable[[], None]] = []
        self.dropped_because: list[str] = []
        self.writes = FakeWrites(self)
        self.replicas = 0
        self.times_waited = 0

    # What tests override.

    async def reach(self) -> None:
        """Begin an exchange: fail if Redis is away."""
        if self.failure is not None:
            raise self.failure

    def answer_call(self, call: Call) -> Any:
        """Return the reply to a script call."""
        raise AssertionError(f"an unexpected call of {call.script.name}")

    def answer_command(self, words: Sequence[Argument]) -> Any:
        """Return the reply to a plain command."""
        raise AssertionError(f"an unexpected command: {words}")

    # What tests use.

    def lose_connection(self) -> None:
        """Have another connection from now on."""
        self.writes = FakeWrites(self)

    @property
    def away(self) -> bool:
        return self.failure is not None

    @away.setter
    def away(self, value: bool) -> None:
        self.failure = BusUnavailableError("away") if value else None

    # shared.bus.bus.Bus

    def on_reconnected(self, callback: Callable[[], None]) -> None:
        self.reconnected.append(callback)

    async def run(self, calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        await self.reach()
        self.calls += calls
        return checked([self.answer_call(call) for call in calls], return_errors=return_errors)

    async def command(self, *words: Argument) -> Any:
        (reply,) = await self.commands([words])
        return reply

    async def commands(
        self, commands: Sequence[Sequence[Argument]], *, return_errors: bool = False
    ) -> list[Any]:
        await self.reach()
        replies = [self.answer_command(words) for words in commands]
        return checked(replies, return_errors=return_errors)

    async def on_each_server(self, *words: Argument) -> list[Any]:
        return [await self.command(*words)]

    def server_of(self, _key: str) -> Hashable:
        return None

    def writes_to(self, _key: str) -> FakeWrites:
        return self.writes

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        seconds, microseconds = await self.command("TIME")
        return [int(seconds) * 1_000_000 + int(microseconds)] * len(keys)

    def tags(self) -> list[str]:
        return [""]

    async def drop_connection(self, reason: str) -> None:
        self.dropped_because.append(reason)
        raise BusUnavailableError(reason)

    async def close(self) -> None:
        pass


class FakeSubscriber:
    """A `shared.bus.subscriber.Subscriber` that hears what the test publishes.

    Attributes:
        wanted: All channels, once for each time that they were subscribed to.
        confirmed: Those that count as confirmed.
        dropped: Reasons and channels of dropped connections.
    """

    connected = True
    trouble: BusUnavailableError | None = None

    def __init__(self) -> None:
        self.wanted: list[str] = []
        self.confirmed: set[str] = set()
        self.dropped: list[tuple[str, str | None]] = []
        self._handlers: dict[str, Handler] = {}

    # What tests use.

    def confirm(self, *channels: str) -> None:
        """Confirm channels; without any: all that are wanted."""
        for channel in channels or tuple(self.wanted):
            self.confirmed.add(channel)
            self._handlers[channel].on_confirmed([channel])

    def publish(self, channel: str, payload: bytes) -> None:
        """Publish a message, which only a subscribed handler gets."""
        if channel in self._handlers:
            self._handlers[channel].on_message(channel, payload)

    # shared.bus.subscriber.Subscriber

    def is_confirmed(self, channel: str) -> bool:
        return channel in self.confirmed

    def subscribe(self, channels: Iterable[str], handler: Handler) -> None:
        for channel in channels:
            self.wanted.append(channel)
            self._handlers.setdefault(channel, handler)

    def unsubscribe(self, channels: Iterable[str]) -> None:
        for channel in channels:
            self.wanted.remove(channel)
            self.confirmed.discard(channel)
            del self._handlers[channel]

    def drop_connection(self, reason: str, channel: str | None = None) -> None:
        self.dropped.append((reason, channel))

    async def run(self) -> None:
        await asyncio.Event().wait()


def checked(replies: list[Any], *, return_errors: bool) -> list[Any]:
    for reply in replies:
        if isinstance(reply, ResponseError) and not return_errors:
            raise reply
    return replies
