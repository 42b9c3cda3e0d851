"""A queue with one server behaves as queueing theory says."""

import random

import pytest

from tools.capacity.storm.line import Line

CUSTOMERS = 200_000


def mean_wait(arrivals: float, service: "list[float]", rng: random.Random) -> float:
    """Return the mean time before the turn, with Poisson arrivals at this rate."""
    line, now, waited = Line(), 0.0, 0.0
    for seconds in service:
        now += rng.expovariate(arrivals)
        waited += line.take(now, seconds) - seconds - now
    return waited / len(service)


@pytest.mark.parametrize("load", [0.3, 0.7, 0.8])
def test_random_arrivals_and_random_work_wait_as_in_m_m_1(load: float) -> None:
    rng = random.Random(7)
    rate = 100.0
    service = [rng.expovariate(rate) for _ in range(CUSTOMERS)]
    expected = load / (rate * (1 - load))
    assert mean_wait(load * rate, service, rng) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("load", [0.3, 0.7, 0.8])
def test_random_arrivals_and_equal_work_wait_half_as_long_as_in_m_d_1(load: float) -> None:
    rate = 100.0
    expected = load / (2 * rate * (1 - load))
    found = mean_wait(load * rate, [1 / rate] * CUSTOMERS, random.Random(7))
    assert found == pytest.approx(expected, rel=0.05)


def test_regular_arrivals_that_leave_time_never_wait() -> None:
    line = Line()
    assert [line.take(float(n), 0.9) for n in range(100)] == pytest.approx(
        [n + 0.9 for n in range(100)]
    )
    assert line.longest == 0


def test_regular_arrivals_that_are_too_many_wait_longer_and_longer() -> None:
    line = Line()
    ends = [line.take(float(n), 1.5) for n in range(100)]
    assert ends == pytest.approx([1.5 * (n + 1) for n in range(100)])
    assert line.longest == pytest.approx(99 * 0.5)
    assert line.busy == pytest.approx(150)
