"""The HTTP server of the REST API: uvicorn, started and stopped by our runtime."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from fastapi import FastAPI

from shared.process.runtime import CannotServeError
from shared.process.waiting import end_task

_DRAIN_SECONDS = 4


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: `shared.process.runtime` turns them into one stop event."""
        yield


@contextlib.asynccontextmanager
async def listening(
    group: asyncio.TaskGroup, api: FastAPI, host: str, port: int
) -> AsyncIterator[int]:
    """Listen while the context is open; then let running requests end.

    Yields:
        The TCP port, which matters if ``port`` is 0, for any.

    Raises:
        CannotServeError: The port is taken, or the address is not ours.
    """
    # Opened here, because uvicorn would end the process itself if it cannot.
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise CannotServeError(
            f"cannot listen on {host} port {port} ({error.strerror}). Free the port, or set "
            "CHARGELIGHT_REGISTRY_HOST and CHARGELIGHT_REGISTRY_PORT"
        ) from error
    server = _Server(
        uvicorn.Config(
            api,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
    )
    task = group.create_task(_serve(server, listening), name="rest")
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def _serve(server: _Server, listening: socket.socket) -> None:
    try:
        await server.serve(sockets=[listening])
    finally:
        # uvicorn has cancelled requests that took longer, and does not wait for their end; one
        # that waits for a Postgres that hangs needs more than that.
        requests = list(server.server_state.tasks)
        await asyncio.gather(*(end_task(each, patience=0) for each in requests))
        # If this task is cancelled, uvicorn leaves these open.
        for each in getattr(server, "servers", ()):
            each.close()
        listening.close()
