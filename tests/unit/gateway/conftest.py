"""Fixtures of the gateway's unit tests."""

import pytest

from services.gateway.connection.connection_context import ConnectionContext
from tests.unit.gateway.fake_device import Clock, context_of


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test moves it."""
    return Clock()


@pytest.fixture
def context(clock: Clock) -> ConnectionContext:
    return context_of(clock)
