"""What happens in a storm, and to what kind of hub."""

from dataclasses import dataclass

from tools.capacity.storm.rules import Delay, firmware


@dataclass(frozen=True, slots=True)
class Scenario:
    """A hub, what happens to it, and how devices come back.

    Attributes:
        devices: All that are connected before; half chargers, half widgets.
        killed: How many of them die. 0: all live, but every connection is cut.
        balancers: Cores of load balancers; 0: none, devices connect directly.
        delay: The devices' rule.
        restart_seconds: When killed gateways run again; None: never.
        gateway_busy: Share of each gateway's core that other devices keep busy.
        redis_busy: The same for Redis.
        credentials: Whether each device's secret is looked up before it is let in.
        directory_seconds: When the hub knows its devices (Redis was emptied).
        horizon_seconds: When the simulation ends.
        seed: Decides everything random.
    """

    devices: int
    gateways: int
    killed: int = 0
    redis_nodes: int = 1
    routers: int = 1
    balancers: int = 0
    delay: Delay = firmware
    restart_seconds: float | None = None
    gateway_busy: float = 0.0
    redis_busy: float = 0.0
    credentials: bool = False
    directory_seconds: float = 0.0
    horizon_seconds: float = 900.0
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0 <= self.killed <= self.gateways or self.gateways < 1 or self.devices < 1:
            raise ValueError(
                "there must be devices and gateways, and no more can die than there are"
            )
        if self.killed == self.gateways and self.restart_seconds is None:
            raise ValueError("all gateways die: say after how many seconds they run again")
        if not (0 <= self.gateway_busy < 1 and 0 <= self.redis_busy < 1):
            raise ValueError("how busy something is must be at least 0 and less than 1")

    @property
    def lost(self) -> int:
        """How many devices lose their connection."""
        return self.devices * self.killed // self.gateways if self.killed else self.devices
