"""How a storm went."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Outcome:
    """How a storm went; times in seconds since the connections were lost.

    Attributes:
        lost: Devices that lost their connection.
        relit: When each widget had its light again, in that order.
        stored: When each charger's reading was stored again, in that order.
        in_after: How long each handshake took that succeeded, from its dialling.
        attempts: Dials.
        given_up: Attempts that ended because the device waited for too long.
        refused: Handshakes that heard 503, by why.
        cut_off: Handshakes cut off at their deadline.
        dropped: Packets that found a full queue, at the balancer or at a gateway.
        waits: The longest wait in each part, in seconds.
        busy: Seconds of work that the busiest of each part was given.
    """

    lost: int = 0
    relit: list[float] = field(default_factory=list)
    stored: list[float] = field(default_factory=list)
    in_after: list[float] = field(default_factory=list)
    attempts: int = 0
    given_up: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    cut_off: int = 0
    dropped: int = 0
    waits: dict[str, float] = field(default_factory=dict)
    busy: dict[str, float] = field(default_factory=dict)

    @property
    def failures(self) -> int:
        """Attempts that came to nothing."""
        return self.given_up + self.cut_off + sum(self.refused.values())

    @property
    def out(self) -> int:
        """Devices that are not back."""
        return self.lost - len(self.relit) - len(self.stored)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the time by which this share of them was there; infinite if none is."""
    if not ordered:
        return float("inf")
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]
