"""What a connection of the REST API does when it must end, on real sockets."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from uvicorn.server import ServerState

from services.registry.api import server
from services.registry.edge import patient_protocol
from services.registry.edge.patient_protocol import PatientProtocol
from shared.process.listeners import ListenAddress
from shared.process.tls.server_tls import ServerFiles, ServerTls, TlsFile
from tests.fixtures.certificates import Ca

GET = b"GET / HTTP/1.1\r\nHost: r\r\n\r\n"


@pytest.fixture(params=["plain", "tls"])
def ca(request: pytest.FixtureRequest, tmp_path: Path) -> Ca | None:
    return Ca(tmp_path / "ca") if request.param == "tls" else None


def tls_of(ca: Ca) -> ServerTls:
    own = ca.server("127.0.0.1")
    return ServerTls(ServerFiles(TlsFile("C", own.certificate), TlsFile("K", own.key)))


@contextlib.asynccontextmanager
async def asked(port: int, context: ssl.SSLContext | None) -> AsyncIterator[asyncio.StreamReader]:
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        try:
            writer.write(GET)
            yield reader
        finally:
            writer.transport.abort()


async def test_who_comes_while_all_others_are_being_answered_is_told_to_come_again(
    ca: Ca | None,
) -> None:
    api, is_asked, may_answer = FastAPI(), asyncio.Event(), asyncio.Event()

    @api.get("/")
    async def answer() -> None:
        is_asked.set()
        await may_answer.wait()

    address = ListenAddress("127.0.0.1", 0)
    tls, context = (tls_of(ca), ca.client()) if ca else (None, None)
    async with (
        asyncio.TaskGroup() as group,
        server.listening(group, api, address, 1, tls) as port,
        asked(port, context) as first,
    ):
        await is_asked.wait()
        async with asked(port, context) as second:
            assert b"503 Service Unavailable" in await second.readline()
        may_answer.set()
        assert b"200 OK" in await first.readline()


async def test_who_stops_to_read_an_answer_in_pieces_does_not_stay_for_ever(
    ca: Ca | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, api = asyncio.Event(), FastAPI()

    class Watched(PatientProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.set()
            super().connection_lost(exc)

    @api.get("/")
    async def answer() -> StreamingResponse:
        return StreamingResponse(bytes(1 << 16) for _ in range(1 << 16))

    monkeypatch.setattr(server, "PatientProtocol", Watched)
    monkeypatch.setattr(patient_protocol, "TAKE_SECONDS", 0.1)
    tls, context = (tls_of(ca), ca.client()) if ca else (None, None)
    async with (
        asyncio.TaskGroup() as group,
        server.listening(group, api, ListenAddress("127.0.0.1", 0), 9, tls) as port,
        asked(port, context) as reader,
    ):
        assert b"200 OK" in await reader.readline()
        await lost.wait()


@contextlib.asynccontextmanager
async def unread(
    state: ServerState,
) -> AsyncIterator[tuple[PatientProtocol, socket.socket]]:
    """Yield a connection that has more to write than its client takes, and its socket."""
    config = uvicorn.Config(FastAPI(), log_config=None)
    config.load()
    own, client = socket.socketpair()
    with client:
        transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: PatientProtocol(
                max_connections=1, config=config, server_state=state, app_state={}
            ),
            own,
        )
        transport.write(bytes(1 << 22))
        yield protocol, own
        transport.abort()


async def closed(connection: socket.socket) -> None:
    async with asyncio.timeout(20):
        while connection.fileno() >= 0:  # noqa: ASYNC110 - it rings no bell
            await asyncio.sleep(0.01)


async def test_who_takes_nothing_of_the_last_answer_does_not_stay_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patient_protocol, "TAKE_SECONDS", 0.1)
    async with unread(ServerState()) as (protocol, own):
        protocol.end()
        await closed(own)


async def test_who_makes_room_does_not_stay_until_the_answer_is_read() -> None:
    state = ServerState()
    async with unread(state) as (_, own), unread(state):
        await closed(own)


async def test_who_has_waited_longest_makes_room_and_few_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks = 0

    def look(_: PatientProtocol) -> patient_protocol.Stage:
        nonlocal looks
        looks += 1
        return patient_protocol.Stage.HEAD

    monkeypatch.setattr(PatientProtocol, "stage", property(look))
    by_age: dict[PatientProtocol, None] = {}
    config, state = uvicorn.Config(FastAPI(), log_config=None), ServerState()
    config.load()
    tasks = [asyncio.create_task(asyncio.sleep(60)) for _ in range(250)]
    for task in tasks:
        PatientProtocol(
            max_connections=200, by_age=by_age, config=config, server_state=state, app_state={}
        ).enter(task)
    await asyncio.wait(tasks[:50])
    assert [task.cancelled() for task in tasks] == [True] * 50 + [False] * 200
    assert looks <= 50 * 10
    for task in tasks[50:]:
        task.cancel()
