"""A desk with three chargers and three widgets."""

import pytest

from tests.integration.registry.conftest import RunningRegistry
from tests.integration.registry.test_rentals import Desk


@pytest.fixture
async def desk(registry: RunningRegistry) -> Desk:
    desk = Desk(registry)
    await desk.register("c1", "c2", "c3", "w1", "w2", "w3")
    return desk
