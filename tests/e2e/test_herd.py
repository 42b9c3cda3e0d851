"""All devices reconnect at one moment: none is turned away for good, and the others go on.

A thousand of them by default; ``CHARGELIGHT_TEST_HERD=8000`` for the long form. The figures
of a machine: ``python -m tests.e2e.crowd``.
"""

import asyncio
import os

from tests.e2e.crowd import Herd, Probes, connected, quantile, reconnect_at_once, register
from tests.fixtures.hub import StartHub

DEVICES = int(os.environ.get("CHARGELIGHT_TEST_HERD", "1000"))
ALIVE_SECONDS = 30.0
"""A bound for liveness on a machine that does other things too; usual are a few seconds."""


async def test_a_herd_that_reconnects_at_once_gets_in_and_starves_nobody(hub: StartHub) -> None:
    running = await hub()
    gateway = running.gateways[0]
    await register(running, DEVICES // 2 + 10)
    probes = Probes(gateway)
    await probes.start(DEVICES // 2, 10)
    herd: Herd = await reconnect_at_once(gateway, DEVICES, probes)
    await probes.stop()
    assert len(herd.until_in) == herd.devices
    assert herd.cut_off == 0, "a device that cannot be served is told so"
    assert quantile(herd.took, 0.99) < ALIVE_SECONDS
    assert herd.before
    assert max(herd.during, default=0.0) < ALIVE_SECONDS


async def test_devices_that_waited_too_long_for_their_turn_are_asked_to_come_again(
    hub: StartHub,
) -> None:
    running = await hub()
    gateway = running.gateways[0]
    await register(running, 10)
    gateway.process.freeze()
    waiting = [
        asyncio.create_task(connected(gateway.charger_port, f"/chargers/c{i:05}"))
        for i in range(10)
    ]
    await asyncio.sleep(9)  # not to wait for something: it is the waiting that is tested
    gateway.process.thaw()
    async with asyncio.timeout(ALIVE_SECONDS):
        devices = await asyncio.gather(*waiting)
    assert [device.answered.result() for device in devices] == [503] * 10
    assert {device.retry_after for device in devices} == {5.0}
    again = await connected(gateway.charger_port, "/chargers/c00000")
    assert again.answered.result() == 101
    again.transport.abort()
