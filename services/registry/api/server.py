"""The HTTP server of the REST API: uvicorn, started and stopped by our runtime."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from services.registry.edge.entrance import Entrance
from services.registry.edge.patient_protocol import PatientProtocol
from services.registry.edge.strangers import Strangers
from shared.process.entrance.proxies import Network
from shared.process.listeners import ListenAddress, open_listeners
from shared.process.tls.server_tls import ServerTls
from shared.process.waiting import end_task

_DRAIN_SECONDS = 4


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: `shared.process.runtime` turns them into one stop event."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does ten times a second, and end connections that waited too long."""
        if counter % 10 == 0:
            now = time.monotonic()
            for each in [*self.server_state.connections]:
                if isinstance(each, PatientProtocol):
                    each.check(now)
        return await super().on_tick(counter)


@contextlib.asynccontextmanager
async def listening(
    group: asyncio.TaskGroup,
    api: FastAPI,
    address: ListenAddress,
    max_connections: int,
    tls: ServerTls | None = None,
    *,
    proxies: tuple[Network, ...] = (),
    strangers: Strangers | None = None,
    state: ServerState | None = None,
) -> AsyncIterator[int]:
    """Listen while the context is open; then let running requests end.

    Args:
        group: Of the tasks of the process.
        api: What answers requests.
        address: Where to listen.
        max_connections: How many there may be; one more takes the place of one that only waits
            for its client.
        tls: With it, ``https://`` is spoken, and nothing else.
        proxies: Balancers, each of whose connections begins with a header of PROXY protocol v2.
        strangers: Makes requests without a valid API key wait; None: no key is needed.
        state: Will hold all connections.

    Yields:
        The TCP port, which matters if that of the address is 0, for any.

    Raises:
        OSError: The port is taken, or the address is not ours.
    """
    # Opened here, because uvicorn would end the process itself if it cannot.
    listeners = await open_listeners(address)
    port = listeners[0].getsockname()[1]
    server = _Server(_config_of(api))
    if state is not None:
        server.server_state = state
    new_protocol = partial(
        PatientProtocol,
        max_connections=max_connections,
        strangers=strangers,
        by_age={},
        config=server.config,
        server_state=server.server_state,
        app_state={},
    )
    task = group.create_task(_serve(server), name="rest")
    entrances = [Entrance(each, new_protocol, tls, proxies) for each in listeners]
    for each in entrances:
        each.open()
    try:
        yield port
    finally:
        for each in entrances:
            each.close()
        server.should_exit = True
        await task


def _config_of(api: FastAPI) -> uvicorn.Config:
    config = uvicorn.Config(
        api,
        # With them, each client on this machine could name another address as its own.
        proxy_headers=False,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    config.load()
    return config


async def _serve(server: _Server) -> None:
    try:
        # Without listeners: see `Entrance`.
        await server.serve(sockets=[])
    finally:
        # uvicorn has cancelled requests that took longer, and does not wait for their end; one
        # that waits for a Postgres that hangs needs more than that.
        requests = list(server.server_state.tasks)
        await asyncio.gather(*(end_task(each, patience=0) for each in requests))
