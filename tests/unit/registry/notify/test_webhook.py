"""What is said of a webhook's receiver that answers oddly."""

import asyncio
import uuid
from datetime import UTC, datetime

import pytest

from services.registry.notify.events import TEST, About, Event
from services.registry.notify.sending.outcome import NotDeliveredError
from services.registry.notify.sending.webhook import Webhook


async def answer_oddly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"SSH-2.0-" + b"sesame" * 1000 + b"\r\n\r\n")
    writer.close()


async def test_what_a_receiver_sends_is_not_quoted() -> None:
    event = Event(uuid.uuid4(), 1, datetime.now(UTC), TEST, About.HUB, "", {})
    async with await asyncio.start_server(answer_oddly, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        webhook = Webhook(f"http://127.0.0.1:{port}/", "opensesame" * 4, allow_private=True)
        with pytest.raises(NotDeliveredError) as raised:
            await webhook.send(event)
    assert str(raised.value) == "it does not answer as HTTP servers do"
