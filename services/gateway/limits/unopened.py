"""Connections that are not open: at their handshake, refused, or closing.

They have a budget of their own, apart from devices that are connected: sockets that say nothing
must not keep devices out. When it is full, the oldest goes of which nothing waits to be read.
A device that speaks is through within a moment, and the newer one may be such a device.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.gateway import metrics

_MOST_LOOKS: Final = 8
"""At so many is looked to find an idle one: each look asks the kernel."""


class Unopened(Protocol):
    """A connection that is not open: it enters, is at its handshake, or closes."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for the device: nothing that the device sent waits for us."""

    def close_going_away(self) -> None:
        """Close because this gateway stops."""

    def abort(self) -> None:
        """Cut the connection off."""


@dataclass(eq=False, repr=False)
class UnopenedConnections:
    """All connections that are not open, the oldest first."""

    _all: dict[Unopened, None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Unopened]:
        return iter(tuple(self._all))

    def add(self, connection: Unopened) -> None:
        """Add the newest one."""
        self._all[connection] = None

    def discard(self, connection: Unopened) -> None:
        """Remove one that is open now, or has ended."""
        self._all.pop(connection, None)

    def cut_oldest(self) -> bool:
        """Cut off the oldest idle one; tell whether there was one.

        Those looked at that are not idle count as the newest from then on.
        """
        for _ in range(min(_MOST_LOOKS, len(self._all))):
            oldest = next(iter(self._all))
            del self._all[oldest]
            if oldest.is_idle:
                metrics.CUT_OFF.inc()
                oldest.abort()
                return True
            self._all[oldest] = None
        return False
