"""The health listener of a service: ``/healthz``, ``/readyz``, ``/accepting``, ``/metrics``.

It answers load balancers, container engines and Prometheus
(https://prometheus.io/docs/instrumenting/exposition_formats/). It has a port of its own, so
that a flood of devices does not keep operators out.
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
"""Why a service is not ready that is connected but hears nothing."""

Readiness = Callable[[], str | None]
"""Returns why the service is not ready, or None when it is."""

Metrics = Callable[[], Awaitable[bytes]]
"""Returns the metrics of a service in the format of Prometheus."""


async def own_metrics() -> bytes:
    """Return the metrics of this process."""
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
        not_ready_because: Called for each ``/readyz``; a text makes it a 503.
        not_accepting_because: The same for ``/accepting``, which load balancers request. They
            cut all connections to a server that is down, and a lost Redis must not cut the
            devices that wait for it. By default the same as ``/readyz``.
        metrics: Called for each ``/metrics``. By default the metrics of this process.
        listener: A socket that already listens, in place of address and port.

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

    requests: set[asyncio.Task[None]] = set()

    def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Our own tasks: those of asyncio log a traceback when they are cancelled.
        task = asyncio.create_task(answer(reader, writer), name="health request")
        requests.add(task)
        task.add_done_callback(requests.discard)
        task.add_done_callback(lambda _: writer.close())

    if listener is None:
        server = await asyncio.start_server(on_connected, host, port, limit=_MAX_REQUEST_BYTES)
    else:
        server = await asyncio.start_server(on_connected, sock=listener, limit=_MAX_REQUEST_BYTES)
    try:
        yield
    finally:
        server.close()
        for task in requests:
            task.cancel()
        await asyncio.gather(*requests, return_exceptions=True)


def _alive() -> None:
    """Return no reason: an answer is the whole check."""


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
