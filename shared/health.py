"""The health listener of a service: ``/healthz``, ``/readyz``, ``/metrics``.

It answers load balancers, container engines and Prometheus
(https://prometheus.io/docs/instrumenting/exposition_formats/), on a port of its
own, so that a flood of devices never keeps an operator from looking.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_DEADLINE_SECONDS = 5.0
_MAX_REQUEST_BYTES = 8192
_TEXT = "text/plain; charset=utf-8"

Readiness = Callable[[], str | None]
"""Returns why the service is not ready, or None when it is."""


@contextlib.asynccontextmanager
async def listening(host: str, port: int, not_ready_because: Readiness) -> AsyncIterator[None]:
    """Serve health requests while the context is open.

    Args:
        host: Address to listen on.
        port: TCP port.
        not_ready_because: Asked at each ``/readyz``; a text makes it a 503.

    Raises:
        OSError: The port is taken.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_DEADLINE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_respond(head, not_ready_because))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port, limit=_MAX_REQUEST_BYTES)
    try:
        yield
    finally:
        server.close()


def _respond(head: bytes, not_ready_because: Readiness) -> bytes:
    path = head.split(b"\r\n", 1)[0].split(b" ")[1:2]
    match path:
        case [b"/healthz"]:
            return _response("200 OK", _TEXT, b"ok\n")
        case [b"/readyz"]:
            reason = not_ready_because()
            if reason is None:
                return _response("200 OK", _TEXT, b"ready\n")
            return _response("503 Service Unavailable", _TEXT, f"not ready: {reason}\n".encode())
        case [b"/metrics"]:
            return _response("200 OK", CONTENT_TYPE_LATEST, generate_latest())
    return _response("404 Not Found", _TEXT, b"there are /healthz, /readyz and /metrics\n")


def _response(status: str, content_type: str, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
