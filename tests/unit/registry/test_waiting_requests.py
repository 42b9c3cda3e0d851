"""Requests without a valid API key that wait for their turn, on real sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI
from uvicorn.server import ServerState

from services.registry.api import server
from services.registry.edge.patient_protocol import PatientProtocol
from services.registry.edge.strangers import Strangers
from shared.process.listeners import ListenAddress
from tests.unit.gateway.fake_device import Clock

VALID = "Authorization: Bearer valid"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def asked(path: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: r", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Registry:
    """A server in a flood of strangers: none has its turn before time passes."""

    port: int
    clock: Clock
    strangers: Strangers
    state: ServerState
    served: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)

    async def flood(self) -> None:
        for _ in range(1000):
            self.strangers.take()
            await asyncio.sleep(0)
        assert not self.strangers.take()

    @contextlib.asynccontextmanager
    async def told(self, data: bytes) -> AsyncIterator[Streams]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(data)
            yield reader, writer
        finally:
            writer.transport.abort()

    @property
    def waiting(self) -> list[PatientProtocol]:
        """The connections with a request that waits."""
        found = [each for each in self.state.connections if isinstance(each, PatientProtocol)]
        return [each for each in found if each._is_waiting]


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    clock, api, state = Clock(), FastAPI(), ServerState()
    strangers = Strangers(lambda key: key == b"valid", clock)
    running = Registry(0, clock, strangers, state)

    @api.post("/{name}")
    async def answer(name: str) -> str:
        running.served.append(name)
        if name == "held":
            await running.may_answer.wait()
        return name

    address = ListenAddress("127.0.0.1", 0)
    async with (
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
        server.listening(group, api, address, 600, strangers=strangers, state=state) as port,
    ):
        running.port = port
        await running.flood()
        yield running


async def until(fact: Callable[[], bool]) -> None:
    while not fact():  # noqa: ASYNC110 - it rings no bell
        await asyncio.sleep(0.01)


async def test_in_a_flood_a_valid_key_is_answered_and_a_stranger_has_its_turn_later(
    registry: Registry,
) -> None:
    async with registry.told(asked("/wrong")) as (stranger, _):
        await until(lambda: len(registry.waiting) == 1)
        async with registry.told(asked("/valid", VALID)) as (operator, _):
            assert b"200 OK" in await operator.readline()
        assert registry.served == ["valid"]
        registry.clock.now += 2
        assert b"200 OK" in await stranger.readline()


async def test_of_those_that_come_together_each_has_a_turn_of_its_own(registry: Registry) -> None:
    async with registry.told(asked("/valid", VALID) + asked("/wrong")) as (reader, _):
        assert b"200 OK" in await reader.readline()
        await until(lambda: len(registry.waiting) == 1)
        assert registry.served == ["valid"]
        registry.clock.now += 2
        await until(lambda: registry.served == ["valid", "wrong"])


async def test_the_rest_of_a_body_brings_no_stranger_in(registry: Registry) -> None:
    first = asked("/a/b", VALID, body=b"not found before it is whole")
    async with registry.told(first[:-1]) as (reader, writer):
        assert b"404" in await reader.readline()
        writer.write(first[-1:] + asked("/wrong"))
        await until(lambda: len(registry.waiting) == 1)
        assert registry.served == []
        registry.clock.now += 2
        await until(lambda: registry.served == ["wrong"])


async def test_those_that_have_gone_take_no_turn(registry: Registry) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(60):
            await stack.enter_async_context(registry.told(asked("/gone")))
        await until(lambda: len(registry.waiting) == 60)
    await until(lambda: not registry.state.connections)
    async with registry.told(asked("/next")) as (reader, _):
        registry.clock.now += 2
        assert b"200 OK" in await reader.readline()
    assert registry.served == ["next"]


async def test_who_finds_no_room_to_wait_is_told_to_come_again(registry: Registry) -> None:
    while registry.strangers.wait("127.0.0.1", lambda: True):
        pass
    async with registry.told(asked("/wrong")) as (reader, _):
        assert b"503 Service Unavailable" in await reader.read()


async def test_of_one_that_waits_not_all_is_read(registry: Registry) -> None:
    body = bytes(8 * 1024 * 1024)
    async with registry.told(asked("/large", body=body)) as (reader, writer):
        await until(lambda: len(registry.waiting) == 1)
        (waiting,) = registry.waiting
        await until(lambda: len(waiting.conn.trailing_data[0]) > 64 * 1024)
        await asyncio.wait([asyncio.create_task(writer.drain())], timeout=0.3)
        assert len(waiting.conn.trailing_data[0]) < len(body) / 4
        registry.clock.now += 2
        assert b"200 OK" in await reader.readline()


async def test_few_are_served_at_once_until_their_answer_begins(registry: Registry) -> None:
    registry.clock.now += 1_000_000
    async with contextlib.AsyncExitStack() as stack:
        readers = []
        for _ in range(10):
            reader, _ = await stack.enter_async_context(registry.told(asked("/held")))
            readers.append(reader)
        await until(lambda: len(registry.served) + len(registry.waiting) == 10)
        assert 4 <= len(registry.served) <= 6
        async with registry.told(asked("/valid", VALID)) as (operator, _):
            assert b"200 OK" in await operator.readline()
        registry.may_answer.set()
        for reader in readers:
            assert b"200 OK" in await reader.readline()
