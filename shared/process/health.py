"""The health listener of a service: ``/healthz``, ``/readyz``, ``/accepting``, ``/metrics``.

It answers load balancers, container engines and Prometheus
(https://prometheus.io/docs/instrumenting/exposition_formats/). It has a port of its own, so
that a flood of devices does not keep operators out.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest

from shared.process.hosts import NOT_OWN_HOST, is_own_host
from shared.process.listeners import ListenAddress, open_listeners

_DEADLINE_SECONDS = 5.0
_MAX_REQUEST_BYTES = 8192
_TEXT = "text/plain; charset=utf-8"

UNHEARD: Final = "what is published in redis does not come back"
"""Why a service is not ready that is connected but hears nothing."""

Readiness = Callable[[], str | None]
"""Returns why the service is not ready, or None when it is."""

Metrics = Callable[[], Awaitable[bytes]]
"""Returns the metrics of a service in the format of Prometheus."""


# Else each counter is there twice: nothing asks when it was made.
disable_created_metrics()  # type: ignore[no-untyped-call]


async def own_metrics() -> bytes:
    """Return the metrics of this process."""
    return generate_latest()


@contextlib.asynccontextmanager
async def listening(
    address: ListenAddress,
    not_ready_because: Readiness,
    not_accepting_because: Readiness | None = None,
    *,
    allowed_hosts: Collection[str] = (),
    metrics: Metrics = own_metrics,
    listener: socket.socket | None = None,
) -> AsyncIterator[None]:
    """Serve health requests while the context is open.

    Args:
        address: Where to listen.
        not_ready_because: Called for each ``/readyz``; a text makes it a 503.
        not_accepting_because: The same for ``/accepting``, which load balancers request. They
            cut all connections to a server that is down, and a lost Redis must not cut the
            devices that wait for it. By default the same as ``/readyz``.
        allowed_hosts: Names of this hub; a request for a name that may be a stranger's is refused.
        metrics: Called for each ``/metrics``. By default the metrics of this process.
        listener: A socket that already listens, in place of the address.

    Raises:
        OSError: The port is taken, or the address is not ours.
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
                writer.write(
                    await _respond(head, checks, metrics)
                    if _is_for_us(head, allowed_hosts)
                    else _response("421 Misdirected Request", _TEXT, f"{NOT_OWN_HOST}\n".encode())
                )
                await writer.drain()

    requests: set[asyncio.Task[None]] = set()

    def on_connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Our own tasks: those of asyncio log a traceback when they are cancelled.
        task = asyncio.create_task(answer(reader, writer), name="health request")
        requests.add(task)
        task.add_done_callback(requests.discard)
        task.add_done_callback(lambda _: writer.close())

    listeners = await open_listeners(address) if listener is None else [listener]
    servers = [
        await asyncio.start_server(on_connected, sock=each, limit=_MAX_REQUEST_BYTES)
        for each in listeners
    ]
    try:
        yield
    finally:
        for server in servers:
            server.close()
        for task in requests:
            task.cancel()
        await asyncio.gather(*requests, return_exceptions=True)


def _is_for_us(head: bytes, allowed_hosts: Collection[str]) -> bool:
    """Tell whether each ``Host`` is ours. A browser sends one; simple probes send none."""
    fields = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    hosts = (value.strip() for name, _, value in fields if name.lower() == "host")
    return all(is_own_host(host, allowed_hosts) for host in hosts)


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
