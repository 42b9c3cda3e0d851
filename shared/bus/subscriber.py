"""Doorbells: channels kept subscribed, and a handler told of each message and each loss.

Pub/sub loses messages whenever a connection breaks
(https://redis.io/docs/latest/develop/pubsub/#delivery-semantics), so the order
is always: subscribe, wait for Redis' confirmation, then read what is stored.
"""

from collections.abc import Hashable, Iterable
from typing import Protocol

from shared.bus.bus import BusUnavailableError


class Handler(Hashable, Protocol):
    """The owner of some channels. Its methods must not block."""

    def on_message(self, channel: str, payload: bytes) -> None:
        """Take a message."""

    def on_confirmed(self, channels: list[str]) -> None:
        """Read what is stored: from now on messages of these channels arrive.

        Called after the first subscription and after each loss.
        """


class Subscriber(Protocol):
    """A set of channels, kept subscribed across every loss of a connection."""

    @property
    def connected(self) -> bool:
        """Whether Redis is connected and every channel confirmed."""

    @property
    def trouble(self) -> BusUnavailableError | None:
        """Why there is no connection, if one was lost or could not be opened."""

    def is_confirmed(self, channel: str) -> bool:
        """Whether messages of this channel arrive right now, as far as is known."""

    def subscribe(self, channels: Iterable[str], handler: Handler) -> None:
        """Subscribe to channels; those already subscribed to keep their handler."""

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """End subscriptions; other channels are ignored."""

    def drop_connection(self, reason: str, channel: str | None = None) -> None:
        """Close a connection that is open but does not work; `run` opens another one.

        Args:
            reason: Why, for people.
            channel: What does not arrive; with a cluster only its server's connection is
                dropped. None: all.
        """

    async def run(self) -> None:
        """Stay subscribed until cancelled, with a new connection after each loss."""
