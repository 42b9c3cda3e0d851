"""What the doctor sees of a port, from servers that answer as told."""

import asyncio
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.cli.doctor.probes import answers, is_inside, look_at_port, needs_no_password
from tests.fixtures.certificates import Ca
from tests.unit.cli.doctor.told_server import HOST, server
from tools.servers.ports import free_port


def context_of(ca: Ca, *, old: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ca.server(HOST, days=5))
    if old:
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers("ALL:@SECLEVEL=0")
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1 is deprecated:DeprecationWarning")
@pytest.mark.parametrize("old", [True, False])
async def test_tls_is_seen_and_whether_it_is_too_old(tmp_path: Path, *, old: bool) -> None:
    context = context_of(Ca(tmp_path / "ca"), old=old)
    async with server(b"HTTP/1.1 401 Unauthorized\r\n\r\n", context) as number:
        seen = await asyncio.to_thread(look_at_port, HOST, number, "/chargers")
    assert (seen.answers, seen.has_tls, seen.is_inside, seen.status) == (True, True, True, 401)
    assert seen.takes_old_tls is old
    assert seen.ends_at is not None
    assert (seen.ends_at - datetime.now(UTC)).days in (4, 5)


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", 101), (b"+PONG\r\n", None), (b"", None)],
)
async def test_a_plain_port_is_seen_and_what_it_answers(answer: bytes, status: int | None) -> None:
    async with server(answer) as number:
        seen = await asyncio.to_thread(look_at_port, HOST, number, "/chargers")
    assert (seen.answers, seen.has_tls, seen.takes_old_tls) == (True, False, None)
    assert (seen.status, seen.ends_at) == (status, None)


def test_a_port_that_is_not_there_is_seen() -> None:
    number = free_port()
    assert not answers(HOST, number)
    assert not look_at_port(HOST, number).answers
    assert not needs_no_password(HOST, number)


@pytest.mark.parametrize(
    ("answer", "is_open"),
    [(b"+PONG\r\n", True), (b"-NOAUTH Authentication required.\r\n", False), (b"", False)],
)
async def test_a_redis_without_a_password_is_seen(answer: bytes, *, is_open: bool) -> None:
    async with server(answer) as number:
        assert await asyncio.to_thread(needs_no_password, HOST, number) is is_open


def test_what_only_this_machine_or_containers_reach_is_inside() -> None:
    assert all(map(is_inside, ("localhost", "127.0.0.1", "::1", "registry", "loadbalancer")))
    assert not any(map(is_inside, ("hub.example.org", "192.0.2.1", "hub")))
