"""The clocks of several servers: each is told its own time."""

from collections.abc import Hashable, Sequence

from services.gateway.chargers.redis_clocks import RedisClocks
from shared.bus.bus import Bus

SECOND = 1_000_000


class TwoServers(Bus):
    """Keys that begin with an a lie on one, the others on another one that is an hour ahead."""

    def __init__(self) -> None:
        super().__init__("redis://unused", "test")
        self.asked: list[Sequence[str]] = []
        self.moved = False

    def server_of(self, key: str) -> Hashable:
        return "a" if key.startswith("a") and not self.moved else "b"

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        self.asked.append(list(keys))
        return [1000 * SECOND if self.server_of(k) == "a" else 4600 * SECOND for k in keys]


async def test_each_key_is_told_the_time_of_its_server() -> None:
    bus = TwoServers()
    clocks = RedisClocks(bus, lambda: 50.0)
    await clocks.measure(["a1", "b1", "a2"])
    assert clocks.of("a2").earliest(51.0) == 1001 * SECOND
    assert clocks.of("b1").earliest(51.0) == 4601 * SECOND
    assert len(bus.asked) == 1
    assert len(bus.asked[0]) == 2, "each server is asked once"
    await clocks.measure(["a1", "b1", "a2"])
    assert len(bus.asked) == 1, "what is known is not asked for"


async def test_a_key_that_moved_has_the_time_of_where_it_is() -> None:
    bus = TwoServers()
    clocks = RedisClocks(bus, lambda: 50.0)
    await clocks.measure(["a1"])
    bus.moved = True
    await clocks.measure(["a1"])
    assert clocks.of("a1").latest(50.0) == 4600 * SECOND


async def test_what_is_forgotten_is_measured_anew() -> None:
    bus = TwoServers()
    clocks = RedisClocks(bus, lambda: 50.0)
    await clocks.measure(["a1"])
    clocks.forget()
    assert not clocks.of("a1").known
    await clocks.measure(["a1"])
    assert len(bus.asked) == 2
