"""When a reading was accepted, by Redis' clock: stored, and told with the reading's doorbell."""

import json
import time
from typing import Any, Final

import pytest

from services.gateway import scripts
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.doorbells import decode_reading
from shared.contract.names import Names
from tests.fixtures.redis_at import hearing

C: Final = Names(1).chargers[0]
KEYS: Final = (C.directory, C.directory_version, C.live, C.pending)
ENTRY: Final = '{"pairing":7,"token":"9f2c","paired_at":1,"widget":"w1"}'
SECOND: Final = 1_000_000


def now() -> int:
    return time.time_ns() // 1000


@pytest.mark.parametrize(
    ("sent_ago", "counted_ago"),
    [
        (3, 5),  # Redis stood still for 3 s after it was sent
        (None, 2),  # the gateway cannot tell
        (-5, 2),  # it was wrong, or Redis' clock was set back
        (3600, 2),  # Redis' clock was set forward
    ],
)
async def test_a_reading_that_came_2_s_before_it_was_sent_is_dated(
    bus: Bus, client: Any, redis_url: str, sent_ago: int | None, counted_ago: int
) -> None:
    await client.hset(C.directory, "c1", ENTRY)
    sent = 0 if sent_ago is None else now() - sent_ago * SECOND
    reading: list[Argument] = [C.readings, sent, "c1", 5, 1, "70", 2 * SECOND, "7-9f2c"]
    async with hearing(redis_url, C.readings) as heard:
        before = now()
        assert await bus.run([Call(scripts.STORE, KEYS, reading)]) == [[b"stored"]]
        after = now()
        # What is published comes in order, but not before the reply.
        await bus.command("PUBLISH", C.readings, "end")
        while not heard:
            await bus.command("TIME")
    stored = json.loads(await client.hget(C.live, "c1"))["received_at"]
    if sent_ago == 3:
        assert stored == sent - 2 * SECOND
    else:
        assert before <= stored + counted_ago * SECOND <= after
    assert decode_reading(heard[0][1]).received_at == stored
