"""A live state that cannot be read is removed, so that its gateway stores it again."""

import json
from typing import Any, Final

import pytest

from services.gateway import scripts as gateway
from services.router import scripts as router
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.names import Names

C: Final = Names(1).chargers[0]
KEYS: Final = (C.directory, C.directory_version, C.live)
ENTRY: Final = '{"pairing":7,"token":"9f2c","paired_at":1,"widget":"w1"}'
FINGERPRINT: Final = '{"epoch":5,"revision":[5,1],'
KNOWN: Final = '{"pairing":7,"token":"9f2c"'


@pytest.mark.parametrize("tail", ['"soc":"70"}', '"soc":70,"received_at":9,"mark":7}', "junk"])
async def test_one_that_only_begins_right_is_stored_again_once_the_audit_came_by(
    bus: Bus, client: Any, tail: str
) -> None:
    await client.hset(C.directory, "c1", ENTRY)
    await client.hset(C.live, "c1", FINGERPRINT + tail)
    reconcile = Call(gateway.RECONCILE, KEYS, ["c1", FINGERPRINT, KNOWN])
    ((_, *differs),) = await bus.run([reconcile])
    assert differs == []  # it begins as it should
    await bus.run([Call(router.MARK_SOME_PENDING, (C.live, C.pending), ["0", 1])])
    ((_, *found),) = await bus.run([Call(router.FIND_OVERDUE, (*KEYS, C.pending), [0, 10])])
    assert found[5] == b""
    ((_, *differs),) = await bus.run([reconcile])
    assert differs[:2] == [0, b"missing"]


async def test_one_that_can_be_read_stays(bus: Bus, client: Any) -> None:
    live = {"epoch": 5, "revision": [5, 1], "soc": 70, "received_at": 9, "mark": "7-9f2c"}
    await client.hset(C.directory, "c1", ENTRY)
    await client.hset(C.live, "c1", json.dumps(live))
    await client.zadd(C.pending, {"c1": 0})
    ((_, *found),) = await bus.run([Call(router.FIND_OVERDUE, (*KEYS, C.pending), [0, 10])])
    assert found[5] == b"w1"
    assert await client.hexists(C.live, "c1")
