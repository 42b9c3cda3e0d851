"""A load balancer for the devices of a booth: what `deploy/haproxy` does, in this process.

The same rules as in the HAProxy configuration: least connections, a health check per second, two
failures mark a gateway as down and cut what it holds, one that says 503 keeps what it has but gets
no more, and a gateway that does not take a connection is passed over.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from tests.fixtures.fault_proxy import HOST, Address, FaultProxy, Link

CHECK_SECONDS: Final = 1.0
FAILURES: Final = 2


@dataclass(slots=True, eq=False)
class Backend:
    """A gateway as the load balancer knows it."""

    charger_port: int
    widget_port: int
    health_port: int
    failures: int = FAILURES
    accepting: bool = False
    ports: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.ports = (self.charger_port, self.widget_port)

    @property
    def is_up(self) -> bool:
        return self.failures < FAILURES and self.accepting


class Balancer:
    def __init__(self) -> None:
        self.backends: list[Backend] = []
        self.chargers = FaultProxy(lambda: self._by_load(0))
        self.widgets = FaultProxy(lambda: self._by_load(1))
        self._checks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Take connections, always on the same two ports."""
        await self.chargers.listen()
        await self.widgets.listen()

    def add(self, charger_port: int, widget_port: int, health_port: int) -> None:
        backend = Backend(charger_port, widget_port, health_port)
        self.backends.append(backend)
        task = asyncio.create_task(self._check(backend), name=f"check {health_port}")
        self._checks.add(task)

    def cut(self) -> None:
        """End all connections of devices."""
        self.chargers.cut()
        self.widgets.cut()

    async def restart(self, seconds: float) -> None:
        """End at once with all connections, and come back."""
        for proxy in (self.chargers, self.widgets):
            proxy.deafen()
        self.cut()
        await asyncio.sleep(seconds)
        await self.listen()

    def close(self) -> None:
        for task in self._checks:
            task.cancel()
        self.chargers.close()
        self.widgets.close()

    def links_to(self, port: int) -> list[Link]:
        links = self.chargers.links | self.widgets.links
        return [link for link in links if link.server == (HOST, port)]

    def _by_load(self, which: int) -> list[Address]:
        up = [backend for backend in self.backends if backend.is_up]
        loads = {b: len(self.links_to(b.ports[which])) for b in up}
        return [(HOST, b.ports[which]) for b in sorted(up, key=lambda one: loads[one])]

    async def _check(self, backend: Backend) -> None:
        while True:
            code = await _health_status(backend.health_port)
            backend.accepting = code == b"200"
            backend.failures = 0 if code else backend.failures + 1
            if backend.failures == FAILURES:
                for port in backend.ports:
                    for link in self.links_to(port):
                        link.cut()
            # Often while it starts, so that no run waits for the second.
            await asyncio.sleep(CHECK_SECONDS if backend.is_up else CHECK_SECONDS / 5)


async def _health_status(port: int) -> bytes:
    """Return the HTTP status of a gateway's ``/accepting``; empty if there is none."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(b"GET /accepting HTTP/1.1\r\nHost: hub\r\n\r\n")
                return (await reader.readline()).split(b" ")[1]
            finally:
                writer.transport.abort()
    except (OSError, TimeoutError, IndexError):
        return b""
