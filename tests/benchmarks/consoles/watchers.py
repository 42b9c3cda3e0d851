"""Consoles without a browser: they listen to the feed, and throw away what they hear."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_BYTES: int = 1 << 16


@asynccontextmanager
async def watching(url: str, count: int) -> AsyncIterator[None]:
    """Have so many listen while the context is open; each has heard all tiles when it begins."""
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []
    try:
        for _ in range(count):
            reader, writer = await _ask(url)
            writers.append(writer)
            tasks.append(asyncio.create_task(_listen(reader), name="listen to the feed"))
        yield
        for task in tasks:
            if task.done():
                raise RuntimeError(f"a stream ended: {task.exception()}")
    finally:
        for task in tasks:
            task.cancel()
        for writer in writers:
            writer.close()


async def _ask(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    at = urlsplit(url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port)
    writer.write(f"GET /live HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n".encode())
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(f"GET /live: {status!r}")
    await reader.readuntil(b"event: tiles")
    return reader, writer


async def _listen(reader: asyncio.StreamReader) -> None:
    while await reader.read(_BYTES):
        pass
