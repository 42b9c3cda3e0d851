"""Which chargers are marked pending so that they are routed again, in real Redis."""

from typing import Any, Final

from services.gateway import scripts as gateway
from services.router import scripts
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.names import Names

C: Final = Names(1).chargers[0]
_STEPS: Final = 5


async def test_in_about_so_many_steps_each_charger_with_a_reading_is_marked(
    bus: Bus, client: Any
) -> None:
    for number in range(100):
        revision = f'"revision":[5,1],"soc":70,"received_at":{number},"mark":"7-9f2c"'
        await client.hset(C.live, f"c{number}", f'{{"epoch":5,{revision}}}')
        await client.hset(C.live, f"without{number}", '{"epoch":5}')
    for _ in range(300):
        await client.hget(C.live, "c1")  # Redis resizes the hash a bit with each command
    cursor = b"0"
    marked: list[int] = []
    while not marked or cursor != b"0":
        ((cursor, more),) = await bus.run(
            [Call(scripts.MARK_SOME_PENDING, (C.live, C.pending), [cursor, _STEPS])]
        )
        marked.append(more)
    assert _STEPS - 1 <= len(marked) <= _STEPS + 1
    assert sorted(await client.zrange(C.pending, 0, -1)) == sorted(
        f"c{number}".encode() for number in range(100)
    )


async def test_one_marked_after_it_was_routed_is_not_cleared(bus: Bus, client: Any) -> None:
    entry = '{"pairing":7,"token":"9f2c","paired_at":1,"widget":"w1"}'
    await client.hset(C.directory, "c1", entry)
    tag = (C.directory, C.directory_version, C.live, C.pending)
    reading: list[Argument] = [C.readings, 0, "c1", 5, 1, "70", 0, "7-9f2c"]
    assert await bus.run([Call(gateway.STORE, tag, reading)]) == [[b"stored"]]
    # It is routed. Then its status is lost, and its widget connects again.
    mark = Call(gateway.MARK_PENDING, (C.directory, C.live, C.pending), ["c1"])
    assert await bus.run([mark]) == [1]
    clear = Call(scripts.CLEAR_PENDING, (C.directory, C.live, C.pending), ["c1", 5, 1, 7])
    assert await bus.run([clear]) == [[0]]
    ((_, found, *_),) = await bus.run([Call(scripts.FIND_OVERDUE, tag, [500_000, 10])])
    assert found == b"c1"
    assert await bus.run([clear]) == [[1]]  # routed again
