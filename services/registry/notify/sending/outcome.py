"""What all ways to send have in common."""

from typing import Protocol

from services.registry.notify.events import Event


class NotDeliveredError(Exception):
    """An event was not taken. The text says why, and quotes no part of a URL that may be secret."""


class Sender(Protocol):
    """Sends events to one destination."""

    async def send(self, event: Event) -> None:
        """Send an event.

        Raises:
            NotDeliveredError: It was not taken, as far as is known.
        """
