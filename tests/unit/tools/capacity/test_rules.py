"""The devices' rules in the storm are those of the firmware, and the others are what they say."""

import random

import pytest

from services.simulator.devices.disconnect_reason import NO_CLOSE_CODE, Closed, Refused
from services.simulator.devices.reconnect import Pace
from tools.capacity.storm.rules import RULES, firmware


@pytest.mark.parametrize("seed", range(5))
def test_a_simulated_device_waits_as_the_simulators_devices_do(seed: int) -> None:
    pace, rng = Pace(random.Random(seed)), random.Random(seed)
    ending = Closed(NO_CLOSE_CODE)
    expected = [pace.delay(ending, 60.0)] + [pace.delay(ending, 0.0) for _ in range(11)]
    assert [firmware(failures, rng.random()) for failures in range(12)] == pytest.approx(expected)


def test_what_the_hub_asks_for_comes_on_top() -> None:
    pace, rng = Pace(random.Random(3)), random.Random(3)
    assert pace.delay(Refused(503, 5.0), 0.0) == pytest.approx(5.0 + firmware(0, rng.random()))


@pytest.mark.parametrize("name", RULES)
def test_every_rule_gives_a_time_however_often_it_failed(name: str) -> None:
    rule = RULES[name]
    for failures in (0, 1, 5, 255):
        for chance in (0.0, 0.5, 0.999):
            assert 0 <= rule(failures, chance) <= 30


def test_without_jitter_chance_changes_nothing() -> None:
    rule = RULES["without-jitter"]
    assert {rule(4, chance) for chance in (0.0, 0.5, 0.9)} == {1.6}
