"""A few begin in each turn of the event loop; fewer while there were too many."""

import asyncio

import pytest

from shared.process.entrance.pace import Pace
from shared.process.entrance.turns import SHARE, SHARE_OF_TLS, Turns
from tests.unit.gateway.fake_device import Clock

_IN_ONE_TURN = 8


class Door:
    """Handshakes that come, and in which turn of the event loop they begin."""

    def __init__(self, clock: Clock, most: int = 1000) -> None:
        self.pace = Pace(clock)
        self.turns = Turns(self.pace.wait, most)
        self.begun: list[str] = []
        self.refused = 0

    def come(self, address: str, times: int = 1, share: float = SHARE) -> None:
        for _ in range(times):
            if self.turns.take(share):
                self.begun.append(address)
            elif not self.turns.wait(address, lambda: self.begun.append(address), share):
                self.refused += 1

    async def begun_in_each_turn(self) -> list[int]:
        """Return how many begin at once, and in each further turn until none does."""
        counts = [len(self.begun)]
        while True:
            before = len(self.begun)
            await asyncio.sleep(0)
            if len(self.begun) == before:
                return counts
            counts.append(len(self.begun) - before)


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_crowd_begins_a_few_at_a_time(clock: Clock) -> None:
    door = Door(clock)
    door.come("a", 20)
    assert await door.begun_in_each_turn() == [_IN_ONE_TURN, _IN_ONE_TURN, 4]


async def test_one_with_tls_takes_a_whole_turn(clock: Clock) -> None:
    door = Door(clock)
    door.come("a", 3, SHARE_OF_TLS)
    assert await door.begun_in_each_turn() == [1, 1, 1]


async def test_nobody_is_served_before_those_who_wait_of_other_addresses(clock: Clock) -> None:
    door = Door(clock)
    door.come("a", 100)
    door.come("b")
    assert "b" not in door.begun
    await asyncio.sleep(0)
    assert door.begun.index("b") == _IN_ONE_TURN + 1


async def test_an_ipv6_network_is_one_address(clock: Clock) -> None:
    door = Door(clock)
    for number in range(100):
        door.come(f"2001:db8::{number:x}")
    door.come("2001:db8:0:1::1")
    await asyncio.sleep(0)
    assert door.begun.index("2001:db8:0:1::1") == _IN_ONE_TURN + 1


async def test_after_too_many_all_wait_for_their_turn(clock: Clock) -> None:
    door = Door(clock)
    door.pace.spend(0.27)  # 20 ms too much
    door.come("a", 2)
    await asyncio.sleep(0)
    assert door.begun == []
    clock.now += 0.02
    begun = asyncio.Event()
    door.turns.wait("b", begun.set)
    async with asyncio.timeout(30):
        await begun.wait()
    assert door.begun == ["a", "a"]


async def test_only_so_many_wait(clock: Clock) -> None:
    door = Door(clock, most=10)
    door.come("a", 100)
    assert door.refused == 100 - _IN_ONE_TURN - 10
    door.come("b")
    assert door.refused == 100 - _IN_ONE_TURN - 10
    assert sum(await door.begun_in_each_turn()) == _IN_ONE_TURN + 11


@pytest.mark.parametrize("share", [1 / 8, SHARE_OF_TLS])
async def test_the_next_crowd_is_served_as_the_first(clock: Clock, share: float) -> None:
    door = Door(clock)
    counts = []
    for _ in range(3):
        door.begun.clear()
        door.come("a", 12, share)
        counts.append(await door.begun_in_each_turn())
    assert counts[0] == counts[1] == counts[2]
    assert sum(counts[0]) == 12
