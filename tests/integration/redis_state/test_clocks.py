"""Redis' clock was set back or forward, or a replica with another clock took over."""

import json
import time
from typing import Any, Final

import pytest

from services.gateway import scripts as gateway
from services.router import scripts as router
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.names import GATEWAYS, ROUTERS, Names

NAMES: Final = Names(1)
C = NAMES.chargers[0]
SECOND: Final = 1_000_000
LEASE_MS: Final = 2000
AHEAD: Final = [15, 60, 3600]
"""How many seconds the clock was ahead that stored a value."""


def now() -> int:
    return time.time_ns() // 1000


async def _lease(bus: Bus, owner: str) -> bytes:
    (answer,) = await bus.run([Call(router.LEASE, (C.lease,), [owner, LEASE_MS])])
    assert isinstance(answer, bytes)
    return answer


@pytest.mark.parametrize("seconds", AHEAD)
async def test_a_lease_that_lasts_longer_than_a_lease_has_expired(
    bus: Bus, client: Any, seconds: int
) -> None:
    await client.set(C.lease, "dead", px=LEASE_MS + 1000 * seconds)
    assert await _lease(bus, "b") == b"b"
    assert 0 < await client.pttl(C.lease) <= LEASE_MS
    assert await _lease(bus, "a") == b"b"


async def test_a_lease_without_an_end_has_expired(bus: Bus, client: Any) -> None:
    await client.set(C.lease, "by hand")
    assert await _lease(bus, "b") == b"b"


@pytest.mark.parametrize("seconds", AHEAD)
async def test_a_dead_router_of_a_clock_that_was_ahead_is_forgotten(
    bus: Bus, client: Any, seconds: int
) -> None:
    await client.zadd(ROUTERS, {"dead": now() + seconds * SECOND})
    call = Call(router.JOIN, (ROUTERS,), ["b", SECOND // 10])
    (found,) = await bus.run([call])
    assert set(found) == {b"b", b"dead"}
    assert await client.zscore(ROUTERS, "dead") <= now()
    await client.zadd(ROUTERS, {"dead": now() - SECOND})  # later
    assert await bus.run([call]) == [[b"b"]]


@pytest.mark.parametrize("seconds", [*AHEAD, 10**9])
async def test_what_waits_since_the_future_is_overdue_and_waits_since_now(
    bus: Bus, client: Any, seconds: int
) -> None:
    live = {"epoch": 5, "revision": [5, 1], "soc": 70, "received_at": 9, "mark": ""}
    await client.hset(C.live, "c1", json.dumps(live))
    await client.hset(C.directory, "c1", '{"pairing":7}')
    await client.zadd(C.pending, {"c1": now() + seconds * SECOND, "c 1": 0, "c 2": 1e300})
    keys = (C.directory, C.directory_version, C.live, C.pending)
    ((pending, *found),) = await bus.run([Call(router.FIND_OVERDUE, keys, [SECOND // 2, 100])])
    assert (pending, found[0]) == (1, b"c1")
    assert await client.zscore(C.pending, "c1") <= now()
    # What can be no id is removed: nothing would ever clear it.
    assert await client.zrange(C.pending, 0, -1) == [b"c1"]


@pytest.mark.parametrize("seconds", AHEAD)
async def test_a_gateways_heartbeat_from_the_future_becomes_now(
    bus: Bus, client: Any, seconds: int
) -> None:
    await client.zadd(GATEWAYS, {"dead": now() + seconds * SECOND})
    ((at, _, *_),) = await bus.run([Call(gateway.HEARTBEAT, (GATEWAYS,), ["b"])])
    assert await client.zscore(GATEWAYS, "dead") <= int(at)


@pytest.mark.parametrize(
    ("script", "device", "entry"),
    [
        (gateway.SWEEP_CHARGERS, "c1", {"gateway": "g", "epoch": 5, "since": None}),
        (gateway.SWEEP_WIDGETS, "w1", {"gateways": {"g": None}}),
    ],
)
async def test_presence_noted_by_a_clock_that_was_ahead_is_swept(
    bus: Bus, client: Any, script: Any, device: str, entry: dict[str, Any]
) -> None:
    ahead = now() + 3600 * SECOND
    text = json.dumps(entry).replace("null", str(ahead)).replace(" ", "")
    await client.hset(C.presence, device, text)
    call = Call(script, (C.presence,), [C.presence_changes, "g", now() - SECOND, 0])
    assert await bus.run([call]) == [1]


@pytest.mark.parametrize(
    ("noted_ago", "age", "recorded"),
    [(60, 5, 1), (5, 60, 0), (-3600, 5, 1)],
    ids=["an older one", "a newer one", "one from the future"],
)
async def test_a_rejection_replaces_what_is_older_or_cannot_be(
    bus: Bus, client: Any, noted_ago: int, age: int, recorded: int
) -> None:
    await client.hset(C.directory, "c1", '{"pairing":7}')
    noted = {"at": now() - noted_ago * SECOND, "gateway": "g", "code": "silent", "message": ""}
    await client.hset(C.rejections, "c1", json.dumps(noted))
    keys = (C.directory, C.directory_version, C.rejections)
    words: list[Argument] = ["g", "c1", age * SECOND, '"too_big"', '""']
    assert await bus.run([Call(gateway.RECORD_REJECTIONS, keys, words)]) == [recorded]
