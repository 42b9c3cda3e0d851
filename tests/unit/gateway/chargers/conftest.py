"""Fixtures of the chargers' tests."""

import pytest

from tests.unit.gateway.chargers.charger_booth import Booth
from tests.unit.gateway.fake_device import Clock


@pytest.fixture
def booth(clock: Clock) -> Booth:
    return Booth(clock)
