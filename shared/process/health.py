"""The health listener of a service: ``/healthz``, ``/readyz``, ``/accepting``, ``/metrics``.

It answers load balancers, container engines and Prometheus
(https://prometheus.io/docs/instrumenting/exposition_formats/), on a port of its
own, so that a flood of devices never keeps an operator from looking.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_DEADLINE_SECONDS = 5.0
_MAX_REQUEST_BYTES = 8192
_TEXT = "text/plain; charset=utf-8"

UNHEARD: Final = "what is published in redis does not come back"
"""Why a service that hears nothing is not ready, though it is connected."""

Readiness = Callable[[], str | None]
"""Returns why the service is not ready, or None when it is."""

Metrics = Callable[[], Awaitable[bytes]]
"""Returns what is to be said of a service, as Prometheus reads it."""


async def own_metrics() -> bytes:
    """Return what this process counts."""
    return generate_latest()


@contextlib.asynccontextmanager
async def listening(
    host: str,
    port: int,
    not_ready_because: Readiness,
    not_accepting_because: Readiness | None = None,
    *,
    metrics: Metrics = own_metrics,
    listener: socket.socket | None = None,
) -> AsyncIterator[None]:
    """Serve health requests while the context is open.

    Args:
        host: Address to listen on.
        port: TCP port.
        not_ready_because: Asked at each ``/readyz``; a text makes it a 503.
        not_accepting_because: The same for ``/accepting``, which load balancers ask:
            a lost Redis makes a service unready, but must not make them cut the
            connections that wait for it. By default the same as ``/readyz``.
        metrics: Asked at each ``/metrics``. By default this process tells of itself.
        listener: A socket that listens already, in place of address and port.

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
                writer.write(await _respond(head, checks, metrics))
                await writer.drain()

    answering: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Tasks of our own: those of the library end with a traceback when they are cancelled.
        task = asyncio.create_task(answer(reader, writer), name="health request")
        answering.add(task)
        task.add_done_callback(answering.discard)
        task.add_done_callback(lambda _: writer.close())

    if listener is None:
        server = await asyncio.start_server(connected, host, port, limit=_MAX_REQUEST_BYTES)
    else:
        server = await asyncio.start_server(connected, sock=listener, limit=_MAX_REQUEST_BYTES)
    try:
        yield
    finally:
        server.close()
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)


def _alive() -> None:
    """Answering at all is the whole check."""


async def _respond(head: bytes, checks: Mapping[bytes, Readiness], metrics: Metrics) -> bytes:
    path = b"".join(head.split(b"\r\n", 1)[0].split(b" ")[1:2])
    if path == b"/metrics":
        return _response("200 OK", CONTENT_TYPE_LATEST, await metrics())
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
