"""What all ways to send have in common."""

from typing import Protocol

from services.registry.notify.events import Event


class NotDeliveredError(Exception):
    """An event was not taken. The text says why, and quotes no part of a URL that may be secret."""


class Sender(Protocol):
    """Sends events to one destination."""

    @property
    def at_once(self) -> int:
        """How many it sends at the same time. More are not claimed: they would only wait."""

    async def send(self, event: Event) -> None:
        """Send an event.

        Raises:
            NotDeliveredError: It was not taken, as far as is known.
        """
