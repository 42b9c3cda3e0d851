"""Fixtures of the gateway's unit tests."""

import pytest

from tests.unit.gateway.fake_device import Clock


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test moves it."""
    return Clock()
