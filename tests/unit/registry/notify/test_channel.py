"""Sending to people: one message at a time, in a thread that may be slow."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from apprise import Apprise

from services.registry.notify.events import About, Event, Kind
from services.registry.notify.sending import channel as module
from services.registry.notify.sending.channel import Channel
from services.registry.notify.sending.outcome import NotDeliveredError


def event() -> Event:
    return Event(uuid4(), 1, datetime.now(UTC), Kind.HUB_TROUBLE, About.HUB, "", {})


class Slow:
    """What apprise would send with: it waits to be let go."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.sent = 0

    def notify(self, *_: object, **__: object) -> bool:
        self.go.wait(30)
        self.sent += 1
        return True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    monkeypatch.setattr(Apprise, "notify", slow.notify)
    yield slow
    slow.go.set()


async def test_what_arrives_after_we_stopped_waiting_is_not_sent_again(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.05)
    channel = Channel("ntfy://127.0.0.1:1/alerts")
    late = event()
    with pytest.raises(NotDeliveredError, match="within"):
        await channel.send(late)
    with pytest.raises(NotDeliveredError, match="on its way"):
        await channel.send(event())
    monkeypatch.setattr(module, "SECONDS", 30)
    slow.go.set()
    async with asyncio.timeout(30):
        while True:
            try:
                await channel.send(late)
            except NotDeliveredError:  # its thread has not ended yet
                await asyncio.sleep(0.01)
            else:
                break
    await channel.send(event())
    await channel.send(late)
    assert slow.sent == 2


async def test_what_another_channel_logs_is_not_taken_for_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def notify(*_: object, **__: object) -> bool:
        logger = logging.getLogger("apprise")
        logger.warning("Failed to send: error=403.")
        other = threading.Thread(target=logger.warning, args=("Failed to send: error=500.",))
        other.start()
        other.join()
        return False

    monkeypatch.setattr(Apprise, "notify", notify)
    with pytest.raises(NotDeliveredError, match="HTTP 403"):
        await Channel("ntfy://127.0.0.1:1/alerts").send(event())
