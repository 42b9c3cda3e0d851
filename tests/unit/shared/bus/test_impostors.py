"""Who stands between a service and Redis, and has no certificate for Redis' name, hears nothing."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from shared.bus.bus import BusUnavailableError
from shared.bus.connection import RedisConnection
from tests.fixtures.certificates import Ca, Pair

SECONDS = 30.0


@contextlib.asynccontextmanager
async def passing_for_redis(shown: Pair, heard: list[bytes]) -> AsyncIterator[int]:
    """Show a certificate, and answer all that is said as Redis does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*shown)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            while said := await reader.read(1000):
                heard.append(said)
                writer.write(b"+OK\r\n" * said.count(b"*"))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("whose", "is_redis"), [("its own", True), ("another name's", False), ("another CA's", False)]
)
async def test_only_a_certificate_for_its_name_makes_a_server_redis(
    tmp_path: Path, whose: str, *, is_redis: bool
) -> None:
    ca = Ca(tmp_path / "ca")
    shown = {
        "its own": ca.server("localhost"),
        "another name's": ca.server("gateway", file="gateway"),
        "another CA's": Ca(tmp_path / "other").server("localhost"),
    }[whose]
    heard: list[bytes] = []
    async with asyncio.timeout(SECONDS), passing_for_redis(shown, heard) as port:
        trusted = f"ssl_ca_certs={quote(ca.certificate)}"
        url = f"rediss://user:hush@localhost:{port}/0?{trusted}"
        connection = RedisConnection(url, "test")
        if is_redis:
            await connection.open()
            await connection.close()
            assert b"hush" in b"".join(heard)
        else:
            with pytest.raises(BusUnavailableError, match="cannot connect to Redis"):
                await connection.open()
            assert heard == [], "no password goes out"
