"""Requests to the health port of a worker on this machine."""

import asyncio
from typing import Final

LOOPBACK: Final = "127.0.0.1"

_DEADLINE_SECONDS: Final = 1.0
"""A load balancer checks every second, and does not wait longer than that."""


class NoAnswerError(Exception):
    """The worker is not there, or does not answer in time."""


async def get(port: int, path: str) -> tuple[int, bytes]:
    """Return HTTP status and body of a GET request.

    Raises:
        NoAnswerError: There is none within a second.
    """
    request = f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(request.encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        return int(head.split(b" ", 2)[1]), body
    except (OSError, TimeoutError, IndexError, ValueError) as error:
        raise NoAnswerError(str(error)) from error
