"""A receiver of webhooks, and registries that tell it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from services.registry.notify import outbox
from services.registry.notify.destinations import destinations_of
from services.registry.notify.events import About, Draft, Kind
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.database import Database
from tests.fixtures.receiver import Receiver, receiving

SECRET = "opensesame" * 4


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def telling(receiver: Receiver) -> dict[str, Any]:
    """Return the settings of a registry that tells a receiver."""
    return {
        "webhooks": SecretStr(receiver.url),
        "webhook_secret": SecretStr(SECRET),
        "webhooks_private": True,
    }


def name_of(receiver: Receiver) -> str:
    (destination,) = destinations_of([receiver.url], SECRET, [], allow_private=True)
    return destination.name


async def write(database: Database, receiver: Receiver, *devices: str) -> None:
    """Write an event of each of these devices, in a transaction of its own."""
    for device in devices:
        async with database.write_transaction(REGISTRY) as connection:
            draft = Draft(Kind.CHARGER_SILENT, About.CHARGER, device, {"charger": device})
            await outbox.write(connection, [name_of(receiver)], [draft])
