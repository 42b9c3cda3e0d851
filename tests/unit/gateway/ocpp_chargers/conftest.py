"""Fixtures of the tests of chargers that speak OCPP."""

import pytest

from tests.unit.gateway.fake_device import Clock
from tests.unit.gateway.ocpp_chargers.ocpp_booth import OcppBooth


@pytest.fixture
def booth(clock: Clock) -> OcppBooth:
    return OcppBooth(clock)
