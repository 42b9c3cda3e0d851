"""Fixtures of the chargers' tests."""

import pytest

from tests.unit.gateway.chargers.charger_booth import Booth, FakeCharger
from tests.unit.gateway.fake_device import Clock


@pytest.fixture
def booth(clock: Clock) -> Booth:
    return Booth(clock)


@pytest.fixture
async def charger(booth: Booth) -> FakeCharger:
    """A charger whose reading of 70 is stored."""
    charger = booth.charger()
    charger.report(70)
    await booth.write()
    return charger
