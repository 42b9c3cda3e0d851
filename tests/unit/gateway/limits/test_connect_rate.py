"""How often one id may connect."""

import pytest

from services.gateway.limits import connect_rate
from services.gateway.limits.connect_rate import ConnectRate
from tests.unit.gateway.fake_device import Clock


def test_a_minutes_worth_may_come_at_once_and_then_one_at_a_time(clock: Clock) -> None:
    rate = ConnectRate(6, clock)
    assert [rate.connect("c1") for _ in range(6)] == [0] * 6
    assert rate.connect("c1") == 10
    clock.now += 20  # one for the attempt that was refused, and one for the next
    assert rate.connect("c1") == 0


def test_the_wait_grows_with_each_attempt_up_to_a_minute(clock: Clock) -> None:
    rate = ConnectRate(6, clock)
    waits = [rate.connect("c1") for _ in range(1000)]
    assert waits[6:9] == [10, 20, 30]
    assert waits[-1] == 60


def test_who_waits_as_long_as_it_is_told_is_let_in(clock: Clock) -> None:
    rate = ConnectRate(6, clock)
    for _ in range(1000):
        wait = rate.connect("c1")
    clock.now += wait + 10
    assert rate.connect("c1") == 0


def test_one_id_costs_another_nothing(clock: Clock) -> None:
    rate = ConnectRate(1, clock)
    assert [rate.connect("c1") for _ in range(2)] == [0, 60]
    assert rate.connect("c2") == 0


def test_none_is_limited_where_there_is_no_limit(clock: Clock) -> None:
    rate = ConnectRate(0, clock)
    assert {rate.connect("c1") for _ in range(1000)} == {0}


def test_ids_with_nothing_to_remember_are_forgotten(clock: Clock) -> None:
    rate = ConnectRate(60, clock)
    for number in range(100):
        rate.connect(f"c{number}")
    clock.now += 2
    for number in range(100):
        rate.connect(f"d{number}")
    assert len(rate._full_at) == 100


def test_the_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect_rate, "_MOST_IDS", 10)
    rate = ConnectRate(60, clock)
    for number in range(100):
        rate.connect(f"c{number}")
    assert len(rate._full_at) == 10
