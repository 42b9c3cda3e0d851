"""What all connections of a gateway share, and whether there is room for another one."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from services.gateway.auth.authenticator import Authenticator
from services.gateway.connection.handshake_rules import Refusal
from services.gateway.connection.rate_limit import Allowance
from services.gateway.connection.refusals import FULL, NO_DIRECTORY, STOPPING
from services.gateway.connection.timer_wheel import TimerWheel
from services.gateway.presence.rejections import Rejections
from services.gateway.settings import GatewaySettings

if TYPE_CHECKING:
    from services.gateway.connection.device_connection import Connection

_REST_SECONDS: Final = 0.05
"""How finely the rests of devices that send too fast are timed."""


@dataclass(slots=True)
class ConnectionContext:
    """What all connections of a gateway share."""

    settings: GatewaySettings
    wheel: TimerWheel
    clock: Callable[[], float]
    doorkeeper: Authenticator | None = None
    """Asked before a handshake is answered; None where no credentials are asked for."""
    connections: set["Connection"] = field(default_factory=set)
    waiting: set["Connection"] = field(default_factory=set)
    """Those that wait because the directory is not there, judged or not."""
    rejections: Rejections = field(default_factory=Rejections)
    """What was refused of whom."""
    draining: bool = False
    rng: random.Random = field(default_factory=random.SystemRandom)
    """Jitter of the pings."""
    most_sockets: int = 1_000_000
    """Beyond this many, connections are cut off before their handshake."""
    allowance: Allowance = field(init=False)
    """How fast each device may send."""
    resting: TimerWheel = field(init=False)
    """Reads again from devices that sent too fast."""

    def __post_init__(self) -> None:
        """Derive what follows from the settings and the clock."""
        settings = self.settings
        self.allowance = Allowance.of(settings.bytes_per_second, settings.burst_bytes)
        self.resting = TimerWheel(self.clock, _REST_SECONDS)

    def first_ping_after(self) -> float:
        """Return when a new connection is to be pinged first, in seconds from now.

        At random within an interval: those that come all at once, after a gateway died, would
        be pinged all at once for ever, and readings would wait for it.
        """
        return self.rng.uniform(0, self.settings.ping_interval_seconds)

    def full(self) -> Refusal | None:
        """Return why no further connection can be taken, or None if one can."""
        if self.draining:
            return STOPPING
        if len(self.connections) > self.settings.max_connections:
            return FULL
        return None if self.may_wait() else NO_DIRECTORY

    def may_wait(self) -> bool:
        """Tell whether another connection may wait for the directory."""
        return len(self.waiting) < self.settings.max_waiting
