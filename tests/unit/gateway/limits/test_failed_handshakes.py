"""How long new handshakes wait while others fail."""

import pytest

from services.gateway.limits.failed_handshakes import FailedHandshakes
from tests.unit.gateway.fake_device import Clock


@pytest.fixture
def failed(clock: Clock) -> FailedHandshakes:
    return FailedHandshakes(clock)


def count(failed: FailedHandshakes, times: int, *, is_tls: bool = False) -> None:
    for _ in range(times):
        failed.count(is_tls=is_tls)


def test_few_make_nobody_wait(failed: FailedHandshakes) -> None:
    count(failed, 125)
    assert failed.wait() == pytest.approx(0)


def test_with_tls_each_takes_more_time(failed: FailedHandshakes) -> None:
    count(failed, 125)
    count(failed, 15)
    assert failed.wait() == pytest.approx(0.03)
    count(failed, 30, is_tls=True)
    assert failed.wait() == pytest.approx(0.13)


def test_a_flood_makes_newcomers_wait_a_second_at_most(failed: FailedHandshakes) -> None:
    count(failed, 100_000)
    assert failed.wait() == pytest.approx(1)


def test_soon_after_a_flood_nobody_waits(failed: FailedHandshakes, clock: Clock) -> None:
    count(failed, 100_000)
    clock.now += 0.5
    assert failed.wait() == pytest.approx(0.5)
    clock.now += 0.5
    assert failed.wait() == pytest.approx(0)
