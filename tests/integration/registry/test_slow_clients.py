"""Clients that send or read slowly, open many connections, or have no key: they keep nobody out."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.registry.edge import body_limits, entrance, patient_protocol, strangers
from services.registry.routes import dependencies
from tests.fixtures.certificates import Ca
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.integration.registry.conftest import (
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SOON = 20.0
_CLOSE_WAIT = 8
"""The other end has closed the connection, and this one has not (tcp_states.h)."""


@contextlib.asynccontextmanager
async def connected(
    registry: RunningRegistry, first: bytes = b"", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Streams]:
    port = int(registry.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        writer.write(first)
        yield reader, writer
    finally:
        writer.transport.abort()


async def trickle(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Send a piece again and again: a client that is slow, but never silent."""
    with contextlib.suppress(ConnectionError):
        while not writer.transport.is_closing():
            writer.write(piece)
            await asyncio.sleep(0.05)


async def answered(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the connection is ended."""
    found = b""
    # What came before a reset counts, too.
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(SOON):
            while piece := await reader.read(1024):
                found += piece
    return found


def request(line: str, length: int, *headers: str) -> bytes:
    head = [f"{line} HTTP/1.1", "Host: r", "Content-Type: application/json", *headers]
    return "\r\n".join([*head, f"Content-Length: {length}", "", ""]).encode()


@pytest.fixture
def ca(tmp_path: Path) -> Ca:
    return Ca(tmp_path / "ca")


def with_tls(ca: Ca) -> dict[str, str]:
    own = ca.server("127.0.0.1")
    return {"tls_certificate": own.certificate, "tls_key": own.key}


async def test_a_head_that_does_not_end_ends_the_connection(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_protocol, "HEAD_SECONDS", 0.3)
    async with connected(registry, b"GET / HTTP/1.1\r\n") as (reader, writer):
        sending = asyncio.create_task(trickle(writer, b"X: y\r\n"))
        assert await answered(reader) == b""
        sending.cancel()


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["silent", "half"])
async def test_a_tls_handshake_that_does_not_end_ends_the_connection(
    start_registry: StartRegistry, ca: Ca, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(patient_protocol, "HEAD_SECONDS", 0.3)
    registry = await start_registry(**with_tls(ca))
    async with connected(registry, first) as (reader, _):
        assert await answered(reader) == b""


async def test_a_balancer_that_does_not_say_whose_connection_it_is_loses_it(
    start_registry: StartRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_protocol, "HEAD_SECONDS", 0.3)
    registry = await start_registry(proxies=["127.0.0.1/32"])
    async with connected(registry, b"\r\n\r\n\0\r\n") as (reader, _):
        assert await answered(reader) == b""


async def test_who_does_not_answer_the_end_of_tls_keeps_no_connection(
    start_registry: StartRegistry, ca: Ca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(entrance, "_CLOSING_SECONDS", 60.0)
    registry = await start_registry(**with_tls(ca))
    async with connected(registry, tls=ca.client()) as (_, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined] # a stub has it elsewhere
        own: socket.socket = writer.get_extra_info("socket")

        async def is_closed() -> bool:
            state = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            return state == _CLOSE_WAIT

        await eventually(is_closed, SOON)


async def test_the_rest_of_a_body_that_was_refused_is_not_read_for_ever(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_protocol, "HEAD_SECONDS", 0.3)
    async with connected(registry, request("POST /nothing", 10**6)) as (reader, writer):
        sending = asyncio.create_task(trickle(writer, b" "))
        assert (await answered(reader)).startswith(b"HTTP/1.1 404")
        sending.cancel()


@pytest.mark.parametrize("path", ["PUT /chargers/c1", "POST /import"])
async def test_a_body_that_comes_too_slowly_is_refused(
    registry: RunningRegistry, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(body_limits, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(patient_protocol, "HEAD_SECONDS", 0.3)
    head = request(path, 60_000).replace(b"application/json", b"text/csv")
    async with connected(registry, head) as (reader, writer):
        sending = asyncio.create_task(trickle(writer, b" "))
        answer = await answered(reader)
        sending.cancel()
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert b"10,240 bytes per second" in answer


@pytest.mark.parametrize("path", ["PUT /chargers/c1", "POST /import", "POST /keys"])
async def test_nobody_without_a_key_has_a_body_read(
    start_registry: StartRegistry, path: str
) -> None:
    guarded = await start_registry(operator_auth="required")
    async with connected(guarded, request(path, 60_000)) as (reader, _):
        async with asyncio.timeout(SOON):
            assert (await reader.readline()).startswith(b"HTTP/1.1 401")


async def test_a_body_that_says_it_is_too_large_is_not_read(
    start_registry: StartRegistry, by_hand: By
) -> None:
    await know_admin(by_hand)
    guarded = await start_registry(operator_auth="required")
    for path, length in (("PUT /chargers/c1", 65_537), ("POST /import", 67_108_865)):
        head = request(path, length, f"Authorization: Bearer {ADMIN_KEY}", "Expect: 100-continue")
        head = head.replace(
            b"application/json", b"application/json" if "PUT" in path else b"text/csv"
        )
        async with connected(guarded, head) as (reader, _), asyncio.timeout(SOON):
            assert (await reader.readline()).startswith(b"HTTP/1.1 413")


async def test_connections_that_only_wait_make_room_for_others(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry(max_connections=10)
    async with contextlib.AsyncExitStack() as stack:
        waiting = [
            await stack.enter_async_context(connected(registry, b"GET / HT")) for _ in range(40)
        ]
        assert (await registry.send("GET", "/whoami")).status_code == 200
        assert await answered(waiting[0][0]) == b""


async def test_connections_at_their_tls_handshake_make_room_for_others(
    start_registry: StartRegistry, ca: Ca
) -> None:
    registry = await start_registry(max_connections=10, **with_tls(ca))
    async with contextlib.AsyncExitStack() as stack:
        waiting = [await stack.enter_async_context(connected(registry)) for _ in range(40)]
        async with httpx.AsyncClient(verify=ca.client(), trust_env=False) as client:
            assert (await client.get(registry.url + "/whoami")).status_code == 200
        assert await answered(waiting[0][0]) == b""


async def test_connections_that_send_their_body_make_room_last(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry(max_connections=10)
    async with contextlib.AsyncExitStack() as stack:
        sending = await stack.enter_async_context(
            connected(registry, request("PUT /chargers/c1", 2))
        )
        for _ in range(30):
            await stack.enter_async_context(connected(registry))
            # Without this the server may see them all at once, in any order.
            assert (await registry.send("GET", "/whoami")).status_code == 200
        sending[1].write(b"{}")
        async with asyncio.timeout(SOON):
            assert (await sending[0].readline()).startswith(b"HTTP/1.1 201")


async def test_uploads_hold_neither_lock_nor_connection_while_they_come(
    registry: RunningRegistry, by_hand: By
) -> None:
    """More of them than there are connections to Postgres, which are 8."""
    head = request("POST /import", 10_000).replace(b"application/json", b"text/csv")
    rows = b"".join(b"charger,c%d\n" % number for number in range(400))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(12):
            await stack.enter_async_context(connected(registry, head + b"kind,id\n" + rows))

        async def are_staged() -> bool:
            cursor = await by_hand.execute("SELECT count(DISTINCT upload) FROM staged_rows")
            return (await cursor.fetchall()) == [(12,)]

        # Rows are handed on once 64 KiB of them are there: not yet. They only wait.
        assert not await are_staged()
        assert (await registry.send("PUT", "/chargers/other", {})).status_code == 201
        answer = await registry.client.post(
            f"{registry.url}/import",
            content=b"kind,id\ncharger,c1\n",
            headers={"Content-Type": "text/csv"},
        )
        assert answer.status_code == 200
        cursor = await by_hand.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' "
            "AND datname = current_database()"
        )
        assert await cursor.fetchall() == [(0,)]

    async def is_empty() -> bool:
        cursor = await by_hand.execute("SELECT count(*) FROM staged_rows")
        return (await cursor.fetchall()) == [(0,)]

    await eventually(is_empty)


@pytest.mark.parametrize(
    ("limit", "method", "path"),
    [("_MAX_DOWNLOADS", "GET", "/export"), ("_MAX_UPLOADS", "POST", "/import")],
)
async def test_too_many_at_once_are_told_to_come_again(
    start_registry: StartRegistry,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    method: str,
    path: str,
) -> None:
    monkeypatch.setattr(dependencies, limit, 0)
    registry = await start_registry()
    refused = await registry.client.request(
        method, registry.url + path, headers={"Content-Type": "text/csv"}
    )
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert refused.json()["type"].endswith(":too-busy")


async def test_a_valid_key_is_answered_while_many_wait_that_have_none(
    start_registry: StartRegistry, by_hand: By, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "_SECONDS", 60.0)
    await know_admin(by_hand)
    registry = await start_registry(operator_auth="required")

    async def ask(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return (await registry.client.get(f"{registry.url}/keys", headers=headers)).status_code

    async def is_known() -> bool:
        return await ask(ADMIN_KEY) == 200

    await eventually(is_known)
    async with asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        wrong = [group.create_task(ask(f"wrong-{number}")) for number in range(40)]
        await asyncio.wait(wrong, return_when=asyncio.FIRST_COMPLETED)
        assert [await ask(ADMIN_KEY) for _ in range(20)] == [200] * 20
        assert any(not each.done() for each in wrong)
        for each in wrong:
            each.cancel()


@pytest.mark.parametrize("path", ["/chargers", "/nothing", "/docs", "/export"])
async def test_browsers_are_told_to_run_frame_guess_and_keep_nothing(
    registry: RunningRegistry, path: str
) -> None:
    headers = (await registry.send("GET", path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
