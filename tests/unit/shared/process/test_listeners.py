"""Which addresses a host stands for, with real sockets of both families."""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, contextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from services.gateway.app import Gateway
from services.gateway.settings import GatewaySettings
from services.registry.api import server
from shared.process import health
from shared.process.listeners import EVERY_ADDRESS, LOOPBACK, ListenAddress, open_listeners
from tools.servers.ports import free_port


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


OTHER = "127.0.0.2"
"""Stands for an address at which others reach this machine; Linux has it by itself."""
BOTH = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]


@contextmanager
def listening(found: list[socket.socket]) -> Iterator[int]:
    try:
        yield found[0].getsockname()[1]
    finally:
        for each in found:
            each.close()


def is_reached(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        (EVERY_ADDRESS, BOTH),
        (LOOPBACK, BOTH),
        ("0.0.0.0", ["127.0.0.1"]),  # noqa: S104 - what an operator may set
        ("127.0.0.1", ["127.0.0.1"]),
        *([("::1", ["::1"])] if len(BOTH) > 1 else []),
    ],
)
async def test_a_host_stands_for_these_addresses(host: str, reached: list[str]) -> None:
    with listening(await open_listeners(ListenAddress(host, 0))) as port:
        assert [each for each in BOTH if is_reached(each, port)] == reached


@pytest.mark.parametrize("host", [LOOPBACK, "127.0.0.1"])
async def test_nobody_else_reaches_a_loopback_host(host: str) -> None:
    with listening(await open_listeners(ListenAddress(host, 0))) as port:
        assert not is_reached(OTHER, port)
    with listening(await open_listeners(ListenAddress(EVERY_ADDRESS, 0))) as port:
        assert is_reached(OTHER, port)


async def test_localhost_is_loopback_whatever_a_resolver_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    resolve = socket.getaddrinfo

    def misled(host: str, *others: Any, **options: Any) -> Any:
        return resolve("0.0.0.0" if host == LOOPBACK else host, *others, **options)  # noqa: S104

    monkeypatch.setattr(socket, "getaddrinfo", misled)
    with listening(await open_listeners(ListenAddress(LOOPBACK, 0))) as port:
        monkeypatch.undo()
        assert [each for each in BOTH if is_reached(each, port)] == BOTH
        assert not is_reached(OTHER, port)


async def test_an_ipv4_client_is_seen_by_its_ipv4_address() -> None:
    found = await open_listeners(ListenAddress(EVERY_ADDRESS, 0))
    with (
        listening(found) as port,
        socket.create_connection(("127.0.0.1", port), timeout=5),
        closing(found[0].accept()[0]) as accepted,
    ):
        assert accepted.getpeername()[0] == "127.0.0.1"


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
async def test_a_machine_without_ipv6_serves_ipv4(
    monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class WithoutIPv6(socket.socket):
        def __init__(self, family: int, *others: int) -> None:
            if family == socket.AF_INET6:
                raise OSError(number, "not here")
            super().__init__(family, *others)

    monkeypatch.setattr("shared.process.listeners.socket.socket", WithoutIPv6)
    with listening(await open_listeners(ListenAddress(EVERY_ADDRESS, 0))) as port:
        monkeypatch.undo()
        assert is_reached("127.0.0.1", port)


@pytest.mark.parametrize("host", BOTH)
async def test_a_port_that_another_program_has_in_one_family_is_taken(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as taken:
        port = taken.getsockname()[1]
        address = ListenAddress(EVERY_ADDRESS, port, "HOST or PORT")
        with pytest.raises(OSError, match=f"on :: port {port} .*or change HOST or PORT"):
            await open_listeners(address)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_an_address_that_is_not_ours_names_its_settings(host: str) -> None:
    with pytest.raises(OSError, match=f"cannot listen on {host} port 0 .*Change CHARGELIGHT_HOST"):
        await open_listeners(ListenAddress(host, 0, "CHARGELIGHT_HOST"))


@asynccontextmanager
async def a_gateway(port: int) -> AsyncIterator[None]:
    settings = GatewaySettings(charger_port=0, widget_port=port)
    servers = await Gateway(settings).listen()
    try:
        yield
    finally:
        for each in servers:
            each.close()


@asynccontextmanager
async def health_requests(port: int) -> AsyncIterator[None]:
    address = GatewaySettings(health_port=port).listen_address("health_port")
    async with health.listening(address, lambda: None):
        yield


@asynccontextmanager
async def rest(port: int) -> AsyncIterator[None]:
    address = GatewaySettings(health_port=port).listen_address("health_port")
    async with asyncio.TaskGroup() as group, server.listening(group, FastAPI(), address, 10):
        yield


@pytest.mark.parametrize("serving", [a_gateway, health_requests, rest])
@pytest.mark.usefixtures("clean_environment")
async def test_by_default_each_port_answers_this_machine_alone_by_both_families(
    serving: Callable[[int], AbstractAsyncContextManager[None]],
) -> None:
    port = free_port()
    async with serving(port):
        for host in BOTH:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(30):
                assert (await reader.readline()).startswith(b"HTTP/1.1 4")
            writer.close()
        assert not is_reached(OTHER, port)
