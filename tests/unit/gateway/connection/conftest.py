"""Fixtures of connections: a device before its handshake, and after it."""

import pytest

from services.gateway.connection.connection_context import ConnectionContext
from tests.unit.gateway.connection.thing import HEAD, Thing


@pytest.fixture
def newcomer(context: ConnectionContext) -> Thing:
    """A device that has said nothing yet."""
    return Thing(context)


@pytest.fixture
def thing(newcomer: Thing) -> Thing:
    """A device whose handshake is done."""
    newcomer.send(HEAD)
    return newcomer
