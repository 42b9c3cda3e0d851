"""A load balancer goes on sending devices to a gateway that leaves: none is refused.

It goes on for three seconds by default; ``CHARGELIGHT_TEST_LEAVING=60`` for the long form, with
2,000 devices.
"""

import asyncio
import bisect
import contextlib
import os
from collections.abc import AsyncIterator

import pytest
from websockets.exceptions import WebSocketException

from tests.e2e.fleet import fleet, judge_lights
from tests.e2e.slow_balancer import SlowBalancer
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.integration.hub.booth import CHARGED, reading, receipt, received

SLOW_SECONDS = float(os.environ.get("CHARGELIGHT_TEST_LEAVING", "3"))
IS_LONG = SLOW_SECONDS >= 60
PAIRS = 1000 if IS_LONG else 100
INTERVAL_SECONDS = 5.0 if IS_LONG else 0.5
"""Between two readings of a charger."""
DRAIN_SECONDS = 60.0 if IS_LONG else 5.0
LEAVE_SECONDS = SLOW_SECONDS + 5
"""The balancer may see the 503 late, on a machine that is busy."""
NEWCOMERS_PER_SECOND = 10


class Newcomers:
    """Widgets that connect one after the other, and what became of them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.lit = 0
        self.refused = 0

    async def come(self) -> None:
        """Connect again and again, until cancelled; each wants its light."""
        while True:
            try:
                async with connect_device(self._url) as widget:
                    assert await received(widget) == CHARGED
                    self.lit += 1
            except (OSError, WebSocketException):
                self.refused += 1
            await asyncio.sleep(1 / NEWCOMERS_PER_SECOND)


async def charge_one(hub: Hub) -> None:
    """Have a pair whose widget is green from now on."""
    await hub.register(("c-newcomer", "w-newcomer"))
    async with connect_device(hub.gateways[1].charger_url("c-newcomer")) as charger:
        await charger.send(reading(100))
        await receipt(charger)


@contextlib.asynccontextmanager
async def balanced(hub: Hub) -> AsyncIterator[SlowBalancer]:
    balancer = SlowBalancer(hub.gateways, SLOW_SECONDS)
    await balancer.listen()
    checking = asyncio.create_task(balancer.run(), name="check the gateways")
    try:
        yield balancer
    finally:
        checking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await checking
        balancer.close()


def most_in_a_second(times: list[float]) -> int:
    return max(bisect.bisect(times, at + 1) - number for number, at in enumerate(times))


@pytest.mark.parametrize("leave_seconds", [LEAVE_SECONDS, 0.0], ids=["leaving", "at once"])
async def test_no_device_is_refused_by_a_gateway_that_leaves_for_long_enough(
    hub: StartHub, leave_seconds: float
) -> None:
    running = await hub(gateways=0)
    settings = {
        "CHARGELIGHT_GATEWAY_LEAVE_SECONDS": f"{leave_seconds}",
        "CHARGELIGHT_GATEWAY_CONNECTS_PER_MINUTE": "0",
    }
    drain = {"CHARGELIGHT_GATEWAY_DRAIN_SECONDS": f"{DRAIN_SECONDS}"}
    leaving = running.start_gateway(settings | drain).process
    running.start_gateway(settings | {"CHARGELIGHT_GATEWAY_LEAVE_SECONDS": "0"})
    await running.ready()
    await charge_one(running)
    async with balanced(running) as balancer:
        newcomers = Newcomers(f"{balancer.widgets_url}/widgets/w-newcomer")
        async with fleet(running, balancer, PAIRS, interval=INTERVAL_SECONDS) as made:
            coming = asyncio.create_task(newcomers.come(), name="newcomers")
            failed_before = made.total_figures().counts.failed_attempts
            sent_before = [len(times) for times in balancer.sent_at]
            patience = leave_seconds + DRAIN_SECONDS + 30
            assert await leaving.terminate(timeout_seconds=patience) == 0
            coming.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await coming
            await judge_lights(made)
            counts = made.total_figures().counts
    refused = counts.failed_attempts - failed_before + newcomers.refused
    left, stayed = (
        times[before:] for times, before in zip(balancer.sent_at, sent_before, strict=True)
    )
    assert left, "the balancer is not slow: it sent nothing to the gateway that left"
    assert newcomers.lit
    if leave_seconds:
        assert refused == 0
        # Half of the devices move, spread over the drain, and not all at once.
        assert most_in_a_second(stayed) < 3 * (PAIRS / DRAIN_SECONDS + NEWCOMERS_PER_SECOND)
    else:
        assert refused > 0
