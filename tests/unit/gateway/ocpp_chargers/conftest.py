"""Fixtures of the tests of chargers that speak OCPP."""

import pytest

from tests.unit.gateway.chargers.charger_booth import Booth
from tests.unit.gateway.fake_device import Clock


@pytest.fixture
def booth(clock: Clock) -> Booth:
    return Booth(clock)
