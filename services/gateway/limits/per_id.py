"""What one id may take: connections, connects, and refusals of wrong secrets."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from services.gateway.limits.connect_rate import ConnectRate
from services.gateway.limits.failures import Failures
from services.gateway.settings import GatewaySettings
from shared.contract.devices import Kind

C = TypeVar("C")


@dataclass(eq=False, repr=False)
class ConnectionsPerId(Generic[C]):
    """The open connections of each id, the oldest first."""

    most: int
    _open: dict[str, tuple[C, ...]] = field(default_factory=dict)

    def add(self, device_id: str, connection: C) -> C | None:
        """Add the newest; return the oldest of this id if that must go now."""
        known = self._open.get(device_id, ())
        self._open[device_id] = (*known, connection)
        return known[0] if len(known) >= self.most else None

    def discard(self, device_id: str, connection: C) -> None:
        """Remove a connection that closes."""
        left = tuple(each for each in self._open.get(device_id, ()) if each is not connection)
        if left:
            self._open[device_id] = left
        else:
            self._open.pop(device_id, None)


class LimitsPerId(Generic[C]):
    """The limits of each id of one kind of devices.

    Args:
        most: Connections of one id; a newcomer is never refused, the oldest goes.
        per_minute: Connects of one id; 0: as many as it likes.
        clock: In seconds; it only moves forward.
    """

    def __init__(
        self,
        most: int = 1_000_000,
        per_minute: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connections = ConnectionsPerId[C](most)
        self.rate = ConnectRate(per_minute, clock)
        self.failures = Failures(clock)

    @classmethod
    def of(cls, settings: GatewaySettings, kind: Kind) -> "LimitsPerId[C]":
        """Return the limits that are set for a kind."""
        most = {
            Kind.CHARGER: settings.connections_per_charger,
            Kind.WIDGET: settings.connections_per_widget,
        }
        return cls(most[kind], settings.connects_per_minute)
