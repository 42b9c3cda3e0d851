"""The health listener answers each path, quickly, whoever else is connected."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.process import health
from shared.process.listeners import ListenAddress

HOST = "127.0.0.1"
ADDRESS = ListenAddress(HOST, 0)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> "list[int]":
    """The port that was listened on last, once there is one."""
    found: list[int] = []
    start_server = asyncio.start_server

    async def noting(*args: Any, **options: Any) -> asyncio.Server:
        server = await start_server(*args, **options)
        found.append(server.sockets[0].getsockname()[1])
        return server

    monkeypatch.setattr(asyncio, "start_server", noting)
    return found


@contextlib.asynccontextmanager
async def a_connection(
    port: list[int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect, for less time than the listener gives anybody."""
    async with asyncio.timeout(4):
        reader, writer = await asyncio.open_connection(HOST, port[-1])
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(ConnectionResetError):
                await writer.wait_closed()


async def answer(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer to a request."""
    async with a_connection([port]) as (reader, writer):
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


async def get(port: int, path: str) -> tuple[int, str]:
    status, headers, body = await answer(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert int(headers["content-length"]) == len(body)
    assert headers["connection"] == "close"
    return status, body.decode()


def no_redis() -> str:
    return "no connection to redis"


OK, NO = (200, "ok\n"), (503, "no: no connection to redis\n")


@pytest.mark.parametrize(
    ("reasons", "ready", "accepting"),
    [
        ([lambda: None], OK, OK),
        ([no_redis], NO, NO),
        ([no_redis, lambda: None], NO, OK),
    ],
    ids=["ready", "not ready", "accepting without being ready"],
)
async def test_a_service_says_whether_it_is_ready_and_accepts_and_that_it_is_alive(
    port: list[int], reasons: list[Any], ready: tuple[int, str], accepting: tuple[int, str]
) -> None:
    async with health.listening(ADDRESS, *reasons):
        assert await get(port[0], "/readyz") == ready
        assert await get(port[0], "/accepting") == accepting
        assert await get(port[0], "/healthz") == OK


async def test_readiness_is_asked_each_time(port: list[int]) -> None:
    reasons = ["not yet", None]
    async with health.listening(ADDRESS, lambda: reasons.pop(0)):
        assert (await get(port[0], "/readyz"))[0] == 503
        assert (await get(port[0], "/readyz"))[0] == 200


async def test_metrics_are_what_prometheus_reads(port: list[int]) -> None:
    async with health.listening(ADDRESS, lambda: "not ready"):
        status, headers, body = await answer(port[0], b"GET /metrics HTTP/1.1\r\n\r\n")
    assert status == 200
    assert headers["content-type"].startswith("text/plain; version=")
    assert b"# TYPE python_info gauge" in body


@pytest.mark.parametrize("path", ["/", "/readyz/", "/readyzz", "/READYZ", "x"])
async def test_another_path_is_a_404_that_says_what_there_is(port: list[int], path: str) -> None:
    async with health.listening(ADDRESS, lambda: None):
        status, text = await get(port[0], path)
    assert status == 404
    assert text == "there are /healthz, /readyz, /accepting, /metrics\n"


@pytest.mark.parametrize("request_head", [b"\r\n\r\n", b"GET\r\n\r\n", b"\xff\x00\r\n\r\n"])
async def test_a_request_that_is_none_is_a_404(port: list[int], request_head: bytes) -> None:
    async with health.listening(ADDRESS, lambda: None):
        assert (await answer(port[0], request_head))[0] == 404
        assert (await get(port[0], "/healthz"))[0] == 200


@pytest.mark.parametrize(
    "hosts",
    ["evil.example", "evil.example:3101", "", "x\r\nHost: evil.example", "evil.example\r\nHOST: x"],
)
async def test_a_request_for_a_strange_host_is_refused(port: list[int], hosts: str) -> None:
    async with health.listening(ADDRESS, lambda: None):
        head = f"GET /metrics HTTP/1.1\r\nHost: {hosts}\r\n\r\n".encode()
        status, _, body = await answer(port[0], head)
    assert status == 421
    assert b"CHARGELIGHT_ALLOWED_HOSTS" in body


@pytest.mark.parametrize(
    "lines",
    ["", "Host: gateway\r\n", "host:10.0.0.5:3101\r\n", "Host: [::1]\r\n", "Host: Hub.Example\r\n"],
)
async def test_probes_by_address_and_by_a_name_of_ours_are_answered(
    port: list[int], lines: str
) -> None:
    async with health.listening(ADDRESS, lambda: None, allowed_hosts=["hub.example"]):
        head = f"GET /healthz HTTP/1.1\r\n{lines}\r\n".encode()
        assert (await answer(port[0], head))[0] == 200


async def test_a_request_may_come_in_pieces(port: list[int]) -> None:
    async with health.listening(ADDRESS, lambda: None), a_connection(port) as (reader, writer):
        for byte in b"GET /healthz HTTP/1.1\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")


async def test_a_slow_client_keeps_no_other_waiting(port: list[int]) -> None:
    async with health.listening(ADDRESS, lambda: None), a_connection(port) as (_, slow):
        slow.write(b"GET /healthz")
        await slow.drain()
        assert await get(port[0], "/healthz") == (200, "ok\n")


async def test_a_slow_client_is_cut_off_without_an_answer(
    port: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_DEADLINE_SECONDS", 0.01)
    async with health.listening(ADDRESS, lambda: None), a_connection(port) as (reader, writer):
        writer.write(b"GET /healthz")
        assert await reader.read() == b""


async def test_a_request_without_an_end_is_cut_off_and_no_error(port: list[int]) -> None:
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    async with health.listening(ADDRESS, lambda: None):
        async with a_connection(port) as (reader, writer):
            writer.write(b"x" * 20_000)
            # A reset, if it did not read all before it closed.
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        assert (await get(port[0], "/healthz"))[0] == 200
    assert errors == []


async def test_after_its_time_nobody_listens(port: list[int]) -> None:
    async with health.listening(ADDRESS, lambda: None):
        pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(HOST, port[0])


async def test_a_port_that_is_taken_is_an_error(port: list[int]) -> None:
    async with health.listening(ADDRESS, lambda: None):
        with pytest.raises(OSError, match=str(port[0])):
            async with health.listening(ListenAddress(HOST, port[0]), lambda: None):
                pass
