"""What a fleet counts and measures."""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Final

_MOST_SAMPLES: Final = 200_000
"""Samples kept of a whole run, the newest: enough for any percentile, bounded memory."""


def percentile(samples: Iterable[float], share: float) -> float | None:
    """Return the smallest sample that ``share`` of all do not exceed; None without samples."""
    ordered = sorted(samples)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(slots=True)
class Counts:
    """What happened in a fleet since its start.

    Attributes:
        sent: Readings sent, also those sent again after a reconnect.
        acknowledged: Receipts; one may cover several readings.
        received: Status messages that widgets got.
        reconnects: Connections after a device's first one.
        failed_attempts: Connection attempts that did not lead to a connection.
        complaints: Errors from the hub, and messages that are not in the protocol.
        older_lights: Times that an older status replaced a newer one.
        wrong_lights: Times that a light became wrong.
    """

    sent: int = 0
    acknowledged: int = 0
    received: int = 0
    reconnects: int = 0
    failed_attempts: int = 0
    complaints: int = 0
    older_lights: int = 0
    wrong_lights: int = 0


@dataclass(slots=True)
class Latencies:
    """Milliseconds from a reading that changes the light to the changed light."""

    recent: list[float] = field(default_factory=list)
    total: deque[float] = field(default_factory=lambda: deque(maxlen=_MOST_SAMPLES))

    def add(self, milliseconds: float) -> None:
        """Note one latency."""
        self.recent.append(milliseconds)
        self.total.append(milliseconds)

    def take_recent(self) -> list[float]:
        """Return those since the last call, and start over."""
        taken, self.recent = self.recent, []
        return taken


@dataclass(frozen=True, slots=True)
class Figures:
    """A fleet at one moment; rates and latencies are of the time before it.

    Attributes:
        elapsed: Seconds since the fleet started.
        latency_samples: Changes of light that the latencies are drawn from; without any,
            there are no latencies.
        lights_right: Lights per `Verdict`, as `lights_late` and the others.
        counts: What happened since the start.
    """

    elapsed: float
    pairs: int
    chargers_connected: int
    widgets_connected: int
    sent_per_second: float
    received_per_second: float
    latency_samples: int
    latency_p50_ms: float | None
    latency_p99_ms: float | None
    lights_right: int
    lights_late: int
    lights_wrong: int
    lights_unknown: int
    counts: Counts

    def as_facts(self) -> dict[str, object]:
        """Return all of it as one flat JSON object."""
        facts = asdict(self)
        facts |= {f"{name}_total": value for name, value in facts.pop("counts").items()}
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in facts.items()
        }
