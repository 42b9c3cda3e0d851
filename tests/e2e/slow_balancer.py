"""A load balancer that is slow to notice: it goes on sending devices to a gateway that leaves."""

import asyncio
import itertools
import time
from collections.abc import Sequence

import httpx

from tests.fixtures.fault_proxy import HOST, Address, FaultProxy
from tests.fixtures.hub import Gateway

_CHECK_SECONDS = 0.1


class SlowBalancer:
    """Sends devices to gateways by turns, and never passes one over that takes no connection.

    Args:
        gateways: Those it knows; one at least must stay.
        slow_seconds: For how long it still sends devices to one that says 503.
    """

    def __init__(self, gateways: Sequence[Gateway], slow_seconds: float) -> None:
        self._gateways = gateways
        self._slow_seconds = slow_seconds
        self._until: dict[int, float] = {}
        self._turn = itertools.count()
        self._chargers = FaultProxy(lambda: self._next("charger_port"))
        self._widgets = FaultProxy(lambda: self._next("widget_port"))
        self.sent_at: list[list[float]] = [[] for _ in gateways]
        """When devices were sent to each gateway."""

    @property
    def chargers_url(self) -> str:
        """Where chargers connect."""
        return f"ws://{HOST}:{self._chargers.port}"

    @property
    def widgets_url(self) -> str:
        """Where widgets connect."""
        return f"ws://{HOST}:{self._widgets.port}"

    async def listen(self) -> None:
        """Take connections."""
        for proxy in (self._chargers, self._widgets):
            proxy.connect_seconds = 10.0  # else a busy machine may count as a refusal
            await proxy.listen()

    async def run(self) -> None:
        """Ask the gateways whether they want devices, until cancelled."""
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                for number, gateway in enumerate(self._gateways):
                    if number in self._until:
                        continue
                    url = f"http://{HOST}:{gateway.health_port}/accepting"
                    if (await client.get(url)).status_code != httpx.codes.OK:
                        self._until[number] = time.monotonic() + self._slow_seconds
                await asyncio.sleep(_CHECK_SECONDS)

    def close(self) -> None:
        """End all connections."""
        self._chargers.close()
        self._widgets.close()

    def _next(self, port: str) -> list[Address]:
        now = time.monotonic()
        known = range(len(self._gateways))
        sent_to = [number for number in known if now < self._until.get(number, now + 1)]
        number = sent_to[next(self._turn) % len(sent_to)]
        self.sent_at[number].append(now)
        return [(HOST, getattr(self._gateways[number], port))]
