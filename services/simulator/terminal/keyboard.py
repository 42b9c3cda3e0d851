"""Lines typed by a person, or piped in, without blocking the event loop."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

_CHUNK_BYTES: Final = 4096


async def lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Give the lines of a file descriptor until its end; standard input by default.

    A thread reads, because an event loop cannot wait for a regular file and
    would make a terminal non-blocking for the shell too. The thread is a daemon
    and uses `os.read`: blocked for good in `sys.stdin` it would hold a lock
    that the interpreter wants when it ends.
    """
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        chunk = b"first"
        while chunk:
            try:
                chunk = os.read(descriptor, _CHUNK_BYTES)
            except OSError:  # for example no terminal any more
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the loop has ended
                return

    threading.Thread(target=read, name="keyboard", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line.decode(errors="replace")
    if rest:
        yield rest.decode(errors="replace")
