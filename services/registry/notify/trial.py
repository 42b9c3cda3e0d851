"""Sends a test to all destinations at once, past the outbox, and tells how each took it."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

from pydantic import BaseModel, Field

from services.registry.notify.destinations import Destination
from services.registry.notify.events import TEST, About, Event
from services.registry.notify.sending.outcome import NotDeliveredError
from shared.process import logs

_SECONDS: Final = 20.0
"""For each; who asks waits for 30 s."""

_log = logs.get(__name__)


class Tried(BaseModel):
    """How one destination took a test."""

    destination: str = Field(description="Its name", examples=["webhook-3f9a51"])
    where: str = Field(
        description="What may be shown of its URL", examples=["https://example.org/…"]
    )
    delivered: bool = Field(description="Whether it was taken")
    error: str | None = Field(
        description="Why not; null: it was taken", examples=["it answered with HTTP 503"]
    )
    seconds: float = Field(description="How long that took", examples=[0.2])


async def try_all(destinations: Sequence[Destination]) -> list[Tried]:
    """Send a test to each."""
    event = Event(uuid4(), 0, datetime.now(UTC), TEST, About.HUB, "", {})
    return await asyncio.gather(*(_try(each, event) for each in destinations))


async def _try(destination: Destination, event: Event) -> Tried:
    began = time.monotonic()
    error = None
    try:
        async with asyncio.timeout(_SECONDS):
            await destination.sender.send(event)
    except TimeoutError:
        error = f"not taken within {_SECONDS:g} s: it may still arrive"
    except NotDeliveredError as failure:
        error = str(failure)
    except Exception as failure:  # noqa: BLE001 - whatever a library makes of an answer
        _log.exception("a test cannot be sent", destination=destination.name)
        error = f"a bug: {type(failure).__name__}"
    return Tried(
        destination=destination.name,
        where=destination.where,
        delivered=error is None,
        error=error,
        seconds=round(time.monotonic() - began, 3),
    )
