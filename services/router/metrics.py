"""What a router counts, and for how long chargers have been pending."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from prometheus_client import Counter, Gauge

from shared.process.metrics import bounds
from shared.process.metrics.fast_counter import FastCounter
from shared.process.metrics.fast_histogram import FastHistogram

OVERDUE_SECONDS: Final = 0.5
"""No doorbell will bring what is pending for longer than this."""
_STILL_THERE_SECONDS: Final = 0.4
"""What is found for the first time may be routed in a moment: it waits if it is found again."""
_GONE_SECONDS: Final = 3.0
"""What is overdue is found again within this time."""
_MOST_AGES: Final = 10_000

PARTITIONS: Final = Gauge("chargelight_partitions", "Partitions that the hub has, as configured.")
OWNED: Final = Gauge("chargelight_partitions_owned", "Partitions this router works on.")
LEASE_LOSSES: Final = Counter(
    "chargelight_lease_losses",
    "Partitions that another router took although it was this one's turn to work on them.",
)
PENDING: Final = Gauge(
    "chargelight_pending",
    "Chargers of this router's partitions that are pending, when it last looked.",
)
PENDING_OLDEST: Final = Gauge(
    "chargelight_pending_oldest_seconds",
    "How long the longest-waiting of them has been overdue.",
)
HEARD: Final = FastCounter("chargelight_readings_heard", "Readings heard on doorbells.")
SWEPT: Final = Counter(
    "chargelight_readings_swept", "Readings found pending: their doorbell was lost or not enough."
)
AUDITED: Final = Counter(
    "chargelight_readings_audited", "Readings routed again in turn, to find wrong statuses."
)
ROUTE_SECONDS: Final = FastHistogram(
    "chargelight_route_seconds",
    "From hearing of a reading, or finding it overdue, to its status being written.",
    bounds.LIGHT,
).of()
_written = Counter("chargelight_statuses_written", "Statuses written, by outcome.", ["outcome"])
LIT: Final = _written.labels("lit")
STALE: Final = _written.labels("stale")
MISMATCH: Final = _written.labels("mismatch")
RESTORED: Final = _written.labels("restored")
AHEAD: Final = _written.labels("ahead")


class _Found(NamedTuple):
    first: float
    last: float


class OverdueAges:
    """The chargers that were found overdue lately, and since when.

    Redis does not say for how long: what is found overdue goes to the back of the queue, with
    the time of now. So it is noted who is found again and again.
    """

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}
        self._looked_at = 0.0

    def __len__(self) -> int:
        """How many were found, also those that were found once."""
        return len(self._found)

    def forget(self, charger: str) -> None:
        """Forget a charger: its reading was routed."""
        self._found.pop(charger, None)

    def note(self, chargers: Iterable[str], now: float) -> None:
        """Note which chargers were found, in seconds of a clock that only moves forward."""
        self._looked_at = now
        for charger in chargers:
            found = self._found.get(charger)
            if found is not None and now - found.last <= _GONE_SECONDS:
                self._found[charger] = _Found(found.first, now)
            elif len(self._found) < _MOST_AGES:
                self._found[charger] = _Found(now, now)

    def count_and_oldest(self, now: float) -> tuple[int, float]:
        """Return how many wait, and how long the oldest has, in seconds; (0, 0): none does.

        While nobody can look, because Redis is away, they wait on.
        """
        self._found = {
            charger: found
            for charger, found in self._found.items()
            if self._looked_at - found.last <= _GONE_SECONDS
        }
        waiting = [
            now - found.first
            for found in self._found.values()
            if found.last - found.first >= _STILL_THERE_SECONDS
        ]
        return (len(waiting), max(waiting) + OVERDUE_SECONDS) if waiting else (0, 0.0)
