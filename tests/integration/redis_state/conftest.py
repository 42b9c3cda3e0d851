"""A bus to the test's Redis, and a client that writes what it should not."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.bus.bus import Bus
from tests.fixtures.redis_at import bus_to, client_of


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    made = bus_to(redis_url)
    yield made
    await made.close()


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Any]:
    async with client_of(redis_url) as made:
        yield made
