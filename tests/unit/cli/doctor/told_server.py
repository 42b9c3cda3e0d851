"""A server that answers as told."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

HOST = "127.0.0.1"


@contextlib.asynccontextmanager
async def server(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Answer the first thing that is said on each connection, and close it."""

    async def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            if await reader.read(4096):
                writer.write(answer)
            writer.close()

    listening = await asyncio.start_server(on_connected, HOST, 0, ssl=context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]
