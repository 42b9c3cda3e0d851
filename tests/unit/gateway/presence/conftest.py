"""Fixtures of the tests of presence."""

import pytest

from tests.unit.gateway.fake_device import Clock
from tests.unit.gateway.presence.seat import Seat


@pytest.fixture
def seat(clock: Clock) -> Seat:
    return Seat(clock)
