"""How gateways say that they are alive, when clocks are not what they should be."""

import pytest

from services.gateway import scripts
from shared.bus.script import Call
from shared.contract.names import GATEWAYS
from tests.fixtures.redis_at import bus_to
from tests.integration.hub.booth import Stored


@pytest.mark.parametrize("score", ["9007199254740993", "inf", "1e300"])
async def test_a_time_in_the_future_is_cut_back_so_that_a_dead_gateway_dies(
    redis_url: str, stored: Stored, score: str
) -> None:
    await stored.client.zadd(GATEWAYS, {"gateway-dead": score})
    bus = bus_to(redis_url)
    ((now, before, *others),) = await bus.run([Call(scripts.HEARTBEAT, (GATEWAYS,), ["gateway-a"])])
    await bus.close()
    heard = dict(zip(others[::2], map(int, others[1::2]), strict=True))
    assert int(before) == 0
    assert heard == {b"gateway-a": int(now), b"gateway-dead": int(now)}
    assert await stored.client.zscore(GATEWAYS, "gateway-dead") == int(now)
