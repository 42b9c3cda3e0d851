"""A count that costs an addition looks like any other counter."""

from prometheus_client import CollectorRegistry, generate_latest

from shared.process.metrics.fast_counter import FastCounter


def test_a_tally_is_exposed_as_a_counter() -> None:
    registry = CollectorRegistry()
    tally = FastCounter("test_things", "Things.", registry)
    tally.value += 2
    tally.value += 1
    lines = generate_latest(registry).decode().splitlines()
    assert "# TYPE test_things_total counter" in lines
    assert "# HELP test_things_total Things." in lines
    assert "test_things_total 3.0" in lines
