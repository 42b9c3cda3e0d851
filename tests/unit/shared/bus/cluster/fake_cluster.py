"""A cluster whose servers say what a test lets them say."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.cluster.slots import SLOTS, Address
from shared.bus.resp_encoding import decode_commands

Words = Sequence[Any]
Answer = Callable[[Address, Words], Any]

A, B = Address("a", 1), Address("b", 2)
INFO = b"# Server\r\nredis_version:7.0.15\r\nredis_mode:cluster\r\n"


class FakeCluster:
    """Slots, who owns them, and what was asked of whom.

    Attributes:
        owners: The owner of each slot, as all servers say; None where they say nothing.
        away: Servers that refuse connections.
        answer: What a server says to a command.
        asked: All commands, with the server they were sent to.
    """

    def __init__(self) -> None:
        self.owners: list[Address] = [A] * (SLOTS // 2) + [B] * (SLOTS // 2)
        self.away: set[Address] = set()
        self.answer: Answer = lambda at, words: [str(at), *words]
        self.asked: list[tuple[Address, Words]] = []
        self.connections: dict[Address, list[FakeConnection]] = {}
        self.info = INFO

    def connection(self, url: str, _name: str) -> "FakeConnection":
        host, _, port = url.removeprefix("redis://").removesuffix("/0").partition(":")
        connection = FakeConnection(self, Address(host, int(port)))
        self.connections.setdefault(connection.at, []).append(connection)
        return connection

    def slots(self) -> list[Any]:
        ranges: list[Any] = []
        for slot, owner in enumerate(self.owners):
            if ranges and ranges[-1][2][0] == owner.host.encode():
                ranges[-1][1] = slot
            else:
                ranges.append([slot, slot, [owner.host.encode(), owner.port, b"id", []]])
        return ranges

    def asked_of(self, at: Address) -> list[Words]:
        """What was asked of a server, but for what everybody asks to find the cluster."""
        return [words for to, words in self.asked if to == at and words[0] != "CLUSTER"]


class FakeConnection:
    """A connection to one server."""

    def __init__(self, cluster: FakeCluster, at: Address) -> None:
        self._cluster = cluster
        self.at = at
        self._replies: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: deque[list[str]] = deque()
        self.news = asyncio.Event()

    async def open(self) -> None:
        if self.at in self._cluster.away:
            raise BusUnavailableError("away")

    async def close(self) -> None:
        pass

    async def exchange(self, data: bytes, _count: int, _seconds: float = 0) -> list[Any]:
        if self.at in self._cluster.away:
            raise BusUnavailableError("away")
        replies: list[Any] = []
        for words in decode_commands(data):
            if words == ["INFO", "server"]:
                replies.append(self._cluster.info)
                continue
            if words == ["CLUSTER", "INFO"]:
                replies.append(b"cluster_state:ok\r\n")
                continue
            if words == ["CLUSTER", "SLOTS"]:
                replies.append(self._cluster.slots())
                continue
            self._cluster.asked.append((self.at, tuple(words)))
            said = self._cluster.answer(self.at, words)
            replies.append(ResponseError(said[1:]) if str(said)[:1] == "-" else said)
        return replies

    # As a subscriber uses it.

    async def send(self, data: bytes) -> None:
        for words in decode_commands(data):
            if words[0] != "PING":
                self.sent.append(words)
                self.news.set()

    async def receive(self) -> list[Any]:
        reply = await self._replies.get()
        if isinstance(reply, BusUnavailableError):
            raise reply
        return [reply]

    def say(self, *replies: Any) -> None:
        for reply in replies:
            self._replies.put_nowait(reply)

    def confirm(self, *channels: str) -> None:
        self.say(*([b"ssubscribe", channel.encode(), 1] for channel in channels), [b"pong", b""])

    async def command(self) -> list[str]:
        """Return the next command that was sent, pings left out."""
        async with asyncio.timeout(30):
            while not self.sent:
                self.news.clear()
                await self.news.wait()
        return self.sent.popleft()
