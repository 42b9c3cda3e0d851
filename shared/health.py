"""The health listener of a service: ``/healthz``, ``/readyz``, ``/accepting``, ``/metrics``.

It answers load balancers, container engines and Prometheus
(https://prometheus.io/docs/instrumenting/exposition_formats/), on a port of its
own, so that a flood of devices never keeps an operator from looking.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_DEADLINE_SECONDS = 5.0
_MAX_REQUEST_BYTES = 8192
_TEXT = "text/plain; charset=utf-8"

UNHEARD: Final = "what is published in redis does not come back"
"""Why a service that hears nothing is not ready, though it is connected."""

Readiness = Callable[[], str | None]
"""Returns why the service is not ready, or None when it is."""


@contextlib.asynccontextmanager
async def listening(
    host: str,
    port: int,
    not_ready_because: Readiness,
    not_accepting_because: Readiness | None = None,
) -> AsyncIterator[None]:
    """Serve health requests while the context is open.

    Args:
        host: Address to listen on.
        port: TCP port.
        not_ready_because: Asked at each ``/readyz``; a text makes it a 503.
        not_accepting_because: The same for ``/accepting``, which load balancers ask:
            a lost Redis makes a service unready, but must not make them cut the
            connections that wait for it. By default the same as ``/readyz``.

    Raises:
        OSError: The port is taken.
    """
    checks = {
        b"/healthz": _alive,
        b"/readyz": not_ready_because,
        b"/accepting": not_accepting_because or not_ready_because,
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ):
            async with asyncio.timeout(_DEADLINE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_respond(head, checks))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, host, port, limit=_MAX_REQUEST_BYTES)
    try:
        yield
    finally:
        server.close()


def _alive() -> None:
    """Answering at all is the whole check."""


def _respond(head: bytes, checks: Mapping[bytes, Readiness]) -> bytes:
    path = b"".join(head.split(b"\r\n", 1)[0].split(b" ")[1:2])
    if path == b"/metrics":
        return _response("200 OK", CONTENT_TYPE_LATEST, generate_latest())
    check = checks.get(path)
    if check is None:
        served = b", ".join([*checks, b"/metrics"])
        return _response("404 Not Found", _TEXT, b"there are " + served + b"\n")
    reason = check()
    if reason is not None:
        return _response("503 Service Unavailable", _TEXT, f"no: {reason}\n".encode())
    return _response("200 OK", _TEXT, b"ok\n")


def _response(status: str, content_type: str, body: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
