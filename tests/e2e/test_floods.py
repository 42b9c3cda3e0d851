"""One device floods its gateway: the others hardly notice.

The figures of a machine: ``python -m tests.e2e.crowd floods``. Without the bucket a flood of
pings lets nobody else through at all.
"""

import pytest

from tests.e2e.crowd import Probes, flooded, quantile, register
from tests.fixtures.hub import StartHub

PAIRS = 20
SECONDS = 3.0
MOST_TIMES = 10
UNNOTICED_SECONDS = 0.5
"""What a busy machine may add to any latency by itself."""


@pytest.mark.parametrize("kind", ["pings", "fragments", "readings", "half-handshakes"])
async def test_a_flood_leaves_the_latency_of_others_as_it_was(hub: StartHub, kind: str) -> None:
    running = await hub()
    gateway = running.gateways[0]
    await register(running, PAIRS + 1)
    probes = Probes(gateway)
    await probes.start(1, PAIRS)
    before, during, _ = await flooded(gateway, kind, "c00000", probes, SECONDS)
    await probes.stop()
    # Not its worst moments: those are this machine's.
    usual, flooded_by = quantile(before, 0.95), quantile(during, 0.95)
    assert len(during) > len(before) / 2
    assert flooded_by < max(MOST_TIMES * usual, UNNOTICED_SECONDS)
