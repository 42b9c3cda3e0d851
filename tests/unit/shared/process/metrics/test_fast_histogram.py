"""A histogram that costs a bisection looks like any other histogram."""

import random

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from shared.process.metrics import bounds
from shared.process.metrics.fast_histogram import Buckets, FastHistogram

BOUNDS = (0.1, 1.0, 5.0)


def exposed(registry: CollectorRegistry) -> set[str]:
    lines = generate_latest(registry).decode().splitlines()
    return {line for line in lines if "_created" not in line}


def test_it_is_exposed_as_the_librarys_own_is() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    fast = FastHistogram("took_seconds", "How long.", BOUNDS, registry=ours).of()
    library = Histogram("took_seconds", "How long.", buckets=BOUNDS, registry=theirs)
    rng = random.Random(1)
    for value in (0.0, *BOUNDS, *(rng.expovariate(1) for _ in range(200)), 60.0):
        fast.observe(value)
        library.observe(value)
    assert exposed(ours) == exposed(theirs)


def test_each_value_of_a_label_has_its_own_series() -> None:
    registry = CollectorRegistry()
    family = FastHistogram("took_seconds", "How long.", BOUNDS, "group", registry)
    family.of("devices").observe(0.5)
    family.of("rentals")
    lines = exposed(registry)
    assert 'took_seconds_bucket{group="devices",le="1.0"} 1.0' in lines
    assert 'took_seconds_count{group="rentals"} 0.0' in lines


def test_every_series_is_there_from_the_start() -> None:
    registry = CollectorRegistry()
    FastHistogram("took_seconds", "How long.", BOUNDS, registry=registry)
    values = {line.split()[-1] for line in exposed(registry) if not line.startswith("#")}
    assert values == {"0.0"}


def test_a_value_counts_as_not_exceeding_the_bound_that_it_equals() -> None:
    buckets = Buckets.within(BOUNDS)
    buckets.observe(1.0)
    assert buckets.cumulative() == [("0.1", 0), ("1.0", 1), ("5.0", 1), ("+Inf", 1)]


@pytest.mark.parametrize("wrong", [(), (1.0, 0.5), (1.0, 1.0)])
def test_bounds_must_ascend(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        Buckets.within(wrong)


def test_what_something_is_promised_for_or_given_up_at_is_a_bound() -> None:
    assert {0.5, 1.0, 5.0} <= set(bounds.LIGHT)  # overdue, the objective, after a fault
    assert 1.0 in bounds.EXCHANGE
    assert 0.1 in bounds.DELAY
    assert 8.0 in bounds.HANDSHAKE
    assert 12.0 in bounds.REQUEST
