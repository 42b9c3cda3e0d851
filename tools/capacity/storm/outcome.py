"""How a storm went."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """How a storm went; times in seconds since the connections were lost.

    Attributes:
        relit: When each widget had its light again, in that order.
        stored: When each charger's reading was stored again, in that order.
        handshake_seconds: How long each successful handshake took, from the dial, in seconds.
        given_up: Attempts that the device ended because it waited too long.
        refused: Handshakes answered with 503, by reason.
        cut_off: Handshakes cut off at their deadline.
        dropped: Packets that met a full queue, at the balancer or at a gateway.
        waits: The longest wait in each part, in seconds.
        busy: Seconds of work of the busiest of each part.
    """

    lost: int = 0
    relit: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    handshake_seconds: list[float] = field(default_factory=list)
    attempts: int = 0
    given_up: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    cut_off: int = 0
    dropped: int = 0
    waits: dict[str, float] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Attempts that failed."""
        return self.given_up + self.cut_off + sum(self.refused.values())

    @property
    def not_back(self) -> int:
        """Devices that are not back."""
        return self.lost - len(self.relit) - len(self.stored)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the time within which this share of them fell; infinite if there are none."""
    if not ordered:
        return float("inf")
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
