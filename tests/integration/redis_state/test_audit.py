"""Which chargers the audit marks, in real Redis."""

from typing import Any, Final

from services.router import scripts
from shared.bus.bus import Bus
from shared.bus.script import Call
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
