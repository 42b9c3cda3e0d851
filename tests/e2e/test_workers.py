"""A gateway of two processes loses one: devices get their lights, and it is started again."""

import asyncio
import signal
import sys

import httpx
import pytest

from tests.e2e.fleet import SETTLE_SECONDS, GatewayGroup, fleet, judge_lights
from tests.fixtures.children import children_of, send_signal
from tests.fixtures.hub import StartHub

PAIRS = 24


@pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux spreads connections over processes that share a port",
)
async def test_killing_one_of_two_workers_leaves_no_wrong_light_and_no_gap(hub: StartHub) -> None:
    running = await hub(gateways=0, routers=1)
    group = GatewayGroup(running, {"CHARGELIGHT_GATEWAY_WORKERS": "2"})
    gateway = group.start()
    await running.ready()
    async with fleet(running, group, PAIRS) as made:
        before = children_of(gateway.process.pid)
        assert len(before) == 2
        send_signal(before[0], signal.SIGKILL)
        # Readings go on flowing; the fleet judges each light that is late.
        await asyncio.sleep(SETTLE_SECONDS + 1)
        await gateway.process.ready()
        after = children_of(gateway.process.pid)
        assert len(after) == 2
        assert before[1] in after
        assert before[0] not in after
        async with httpx.AsyncClient(trust_env=False) as client:
            told = await client.get(f"http://127.0.0.1:{gateway.health_port}/metrics")
        assert 'chargelight_worker_ends_total{worker="' in told.text
        assert "chargelight_workers_running 2.0" in told.text
        await judge_lights(made)
    assert made.total_figures().counts.reconnects > 0
    assert "worker ended, restarting it" in gateway.process.log_text()
