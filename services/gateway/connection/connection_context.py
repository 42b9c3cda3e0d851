"""What all connections of a gateway share, and whether there is room for another one."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from services.gateway import metrics
from services.gateway.connection.origins import OriginRule
from services.gateway.connection.refusals import (
    FULL,
    FULL_ADDRESS,
    NO_DIRECTORY,
    STOPPING,
    Refusal,
)
from services.gateway.connection.timer_wheel import TimerWheel
from services.gateway.limits.failed_handshakes import FailedHandshakes
from services.gateway.limits.per_address import ConnectionsPerAddress
from services.gateway.limits.unopened import Unopened, UnopenedConnections
from services.gateway.settings import GatewaySettings
from shared.process.entrance.turns import Turns, call_soon

_PAUSE_TICK_SECONDS: Final = 0.05
"""How finely the pauses of devices that send too fast are timed."""


class Allowance(NamedTuple):
    """How fast each device may send."""

    seconds_per_byte: float
    burst_seconds: float

    @classmethod
    def of(cls, bytes_per_second: float, burst_bytes: float) -> "Allowance":
        """Return an allowance, from how it is set."""
        return cls(1 / bytes_per_second, burst_bytes / bytes_per_second)


class Connection(Protocol):
    """A `DeviceConnection`."""

    @property
    def send_buffer_bytes(self) -> int:
        """How much was written and is not in the kernel yet."""

    def close_going_away(self) -> None:
        """Close because this gateway stops."""

    def abort(self) -> None:
        """Cut the connection off."""


@dataclass(eq=False, repr=False)
class ConnectionContext:
    """What all connections of a gateway share.

    Attributes:
        wheel: For the deadlines of connections.
        pauses: For the pauses of devices that send too fast.
        origins: Which origins a handshake may have.
        allowance: How fast each device may send.
        connections: Those that are open.
        unopened: Those at their handshake, and those that are refused or closing.
        addresses: How many are open from each address.
        failed: How many handshakes fail.
        knows_addresses: Whether devices' own addresses are known. Else nobody waits because others
            fail: all come from one address, the balancer's, so the honest would wait behind the
            others.
        turns: When handshakes have their turn.
        waiting: Those that wait because the directory is missing: handshakes, and devices.
        draining: Whether the gateway stops.
    """

    settings: GatewaySettings
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.SystemRandom)
    """Jitter of the pings."""
    most_sockets: int = 1_000_000
    """Beyond this many, open or not, one is cut off that is not open."""
    call_soon: Callable[[Callable[[], None]], object] = call_soon
    """Calls in the next turn of the event loop."""

    def __post_init__(self) -> None:
        self.wheel = TimerWheel(self.clock)
        self.pauses = TimerWheel(self.clock, _PAUSE_TICK_SECONDS)
        self.origins = OriginRule.of(self.settings)
        self.allowance = Allowance.of(self.settings.bytes_per_second, self.settings.burst_bytes)
        self.connections: set[Connection] = set()
        self.unopened = UnopenedConnections()
        self.addresses = ConnectionsPerAddress(self.settings.connections_per_address)
        self.failed = FailedHandshakes(self.clock)
        self.knows_addresses = self.settings.without_balancer or bool(self.settings.proxies)
        self.turns = Turns(self._pause, self.settings.max_waiting_handshakes, self.call_soon)
        self.waiting: set[object] = set()
        self.draining = False

    def _pause(self) -> float:
        return self.failed.wait() if self.knows_addresses else 0.0

    def first_ping_after(self) -> float:
        """Return when to ping a new connection first, in seconds from now.

        At random within an interval: connections that come all at once, after a gateway
        died, would be pinged all at once for ever, and readings would wait for it.
        """
        return self.rng.uniform(0, self.settings.ping_interval_seconds)

    def refusal(self) -> Refusal | None:
        """Return why no further connection can be taken, or None if one can."""
        if self.draining:
            return STOPPING
        if self._is_full:
            return FULL
        return None if self.may_wait() else NO_DIRECTORY

    def refusal_of_device(self, address: str) -> Refusal | None:
        """Return why a device that is who it says cannot be connected, or None if it can.

        A whole crowd may have passed `refusal` before any of it was connected.
        """
        if self._is_full:
            return FULL
        return None if self.addresses.has_room(address) else FULL_ADDRESS

    @property
    def _is_full(self) -> bool:
        return len(self.connections) >= self.settings.max_connections

    def add_unopened(self, connection: Unopened) -> None:
        """Add a connection that is not open; if there are too many, one is cut off."""
        unopened = self.unopened
        unopened.add(connection)
        has_file = len(self.connections) + len(unopened) <= self.most_sockets
        # Those that wait for their turn are in a bounded queue. Counted here they would take the
        # place of devices that are about to send their head.
        if has_file and len(unopened) - len(self.turns) <= self.settings.max_handshakes:
            return
        if not unopened.cut_oldest() and not has_file:
            metrics.CUT_OFF.inc()
            unopened.discard(connection)
            connection.abort()

    def may_wait(self) -> bool:
        """Tell whether another connection may wait for the directory."""
        return len(self.waiting) < self.settings.max_waiting
