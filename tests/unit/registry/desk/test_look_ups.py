"""How often one address may look at visitors' pages."""

from services.registry.desk.look_ups import MOST, SECONDS, LookUps


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_address_looks_thirty_times_a_minute_and_others_are_not_touched() -> None:
    clock = Clock()
    look_ups = LookUps(clock)
    for _ in range(MOST):
        assert look_ups.take("10.0.0.1")
        clock.now += 1
    assert not look_ups.take("10.0.0.1")
    assert look_ups.take("10.0.0.2")
    clock.now = 1000.0 + SECONDS - 0.1
    assert not look_ups.take("10.0.0.1"), "those that are refused do not count, nor do they help"
    clock.now = 1000.0 + SECONDS
    assert look_ups.take("10.0.0.1"), "the first of the thirty is a minute ago"
    assert not look_ups.take("10.0.0.1"), "the second is not"


def test_a_network_of_ipv6_is_one_address() -> None:
    look_ups = LookUps(Clock())
    for number in range(MOST):
        assert look_ups.take(f"2001:db8::{number:x}")
    assert not look_ups.take("2001:db8::ffff")
    assert look_ups.take("2001:db8:0:1::1")


def test_many_addresses_take_no_more_room_than_there_is() -> None:
    look_ups = LookUps(Clock())
    for _ in range(MOST):
        look_ups.take("10.0.0.1")
    for number in range(10_000):
        assert look_ups.take(f"10.1.{number // 256}.{number % 256}")
    assert len(look_ups._taken) == 10_000
    assert look_ups.take("10.0.0.1"), "seen least lately, so it was forgotten"
