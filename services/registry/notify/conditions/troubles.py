"""Troubles of the hub, as one registry sees it. No I/O.

They are what booths notice, seen without Prometheus. While Redis is away, nothing else is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.registry.hub.view import Hub, Instance
from shared.contract.instances import LOST_SECONDS

REDIS: Final = "redis"
GATEWAYS: Final = "gateways"
ROUTERS: Final = "routers"
LIGHTS: Final = "lights"

NAMES: Final = {
    REDIS: "Redis is away",
    GATEWAYS: "no gateway is ready",
    ROUTERS: "routers are missing",
    LIGHTS: "lights are late",
}
"""As people read them."""

_LATE_SECONDS: Final = 5.0


def troubles_of(hub: Hub) -> dict[str, str | None]:
    """Return what is wrong by the name of the trouble, or None: it is all right.

    A name that is missing: it is not known.
    """
    if not hub.redis.connected:
        return {REDIS: f"The registry does not reach Redis: {hub.redis.reason}."}
    living = [each for each in hub.instances if each.age_seconds < LOST_SECONDS]
    owned = sum(each.partitions or 0 for each in living if each.service == "router")
    late = hub.waiting.overdue_seconds or 0.0
    return {
        REDIS: None,
        GATEWAYS: _no_gateway(living),
        ROUTERS: None
        if owned >= hub.partitions
        else f"Only {owned} of {hub.partitions} partitions have a router: lights of the others do "
        "not change.",
        LIGHTS: None
        if late <= _LATE_SECONDS
        else f"A reading has been waiting for a router for {late:.0f} s.",
    }


def _no_gateway(living: list[Instance]) -> str | None:
    gateways = [each for each in living if each.service == "gateway"]
    if any(each.ready for each in gateways):
        return None
    if not gateways:
        return "No gateway runs: no device can connect."
    return f"None of {len(gateways)} gateways is ready: {gateways[0].reason}."


@dataclass(eq=False, repr=False)
class Lasting:
    """Takes something for true, or for over, only once it has been so for a while."""

    seconds: float
    _since: dict[str, tuple[bool, float]] = field(default_factory=dict)
    """What differs from what is taken for true: how it is, and since when."""

    def changed(
        self, seen: Mapping[str, bool], taken_for_true: set[str], now: float
    ) -> dict[str, bool]:
        """Return what must be taken for true or over from now on, by name.

        Args:
            seen: Whether it is so at this look; what is not known is left out.
            taken_for_true: What was taken for true up to now.
            now: In seconds of any clock.
        """
        lasting = {}
        for name, value in seen.items():
            if value == (name in taken_for_true):
                self._since.pop(name, None)
                continue
            before, since = self._since.get(name, (value, now))
            if before != value:  # it was taken for what it is not any more
                since = now
            self._since[name] = value, since
            if now - since >= self.seconds:
                lasting[name] = value
        return lasting
