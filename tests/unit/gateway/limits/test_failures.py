"""How long the refusal of a wrong secret takes."""

import pytest

from services.gateway.limits import failures
from services.gateway.limits.failures import Failures
from tests.unit.gateway.fake_device import Clock


def test_the_first_are_refused_at_once_and_then_ever_later(clock: Clock) -> None:
    failed = Failures(clock)
    assert [failed.delay("c1") for _ in range(8)] == [0, 0, 0, 0.5, 1, 2, 4, 4]
    assert {failed.delay("c1") for _ in range(2000)} == {4}


def test_one_id_does_not_delay_another(clock: Clock) -> None:
    failed = Failures(clock)
    for _ in range(10):
        failed.delay("c1")
    assert failed.delay("c2") == 0


def test_a_quiet_minute_is_forgiven(clock: Clock) -> None:
    failed = Failures(clock)
    for _ in range(10):
        failed.delay("c1")
    clock.now += 61
    assert failed.delay("c1") == 0


def test_the_memory_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "_MOST_IDS", 10)
    failed = Failures(clock)
    for number in range(100):
        failed.delay(f"c{number}")
    assert len(failed._failed) == 10
