"""What a router counts, and for how long chargers have been pending."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Counter, Gauge

from shared.process.metrics import bounds
from shared.process.metrics.fast_counter import FastCounter
from shared.process.metrics.fast_histogram import FastHistogram

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
    "For how long the oldest of them has been found overdue again and again.",
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


@dataclass(eq=False, repr=False)
class Pending:
    """What was found pending in this router's partitions when it last looked.

    Redis does not say for how long: what is found overdue goes to the back of the queue, with
    the time of now. So it is noted who is found again and again.
    """

    clock: Callable[[], float] = time.monotonic
    _counts: dict[int, int] = field(default_factory=dict)
    _since: dict[int, dict[str, float]] = field(default_factory=dict)

    def note(
        self,
        partition: int,
        count: int,
        overdue: Collection[str],
        *,
        is_all: bool,
        for_seconds: float,
    ) -> None:
        """Note what was found in a partition.

        Args:
            partition: Its number.
            count: How many are pending.
            overdue: Chargers that are, for ``for_seconds`` at least.
            is_all: Whether no others are overdue.
            for_seconds: What makes a charger overdue.
        """
        before = self._since.get(partition, {})
        at = self.clock() - for_seconds
        found = {charger: before.get(charger, at) for charger in overdue}
        self._counts[partition] = count
        self._since[partition] = found if is_all else before | found

    def forget(self, partitions: Iterable[int]) -> None:
        """Forget partitions that another router looks at now."""
        for partition in partitions:
            self._counts.pop(partition, None)
            self._since.pop(partition, None)

    @property
    def count(self) -> int:
        """How many are pending."""
        return sum(self._counts.values())

    @property
    def oldest_seconds(self) -> float:
        """For how long the one has been overdue that has been for the longest; 0: none is."""
        oldest = min((min(since.values()) for since in self._since.values() if since), default=None)
        return 0.0 if oldest is None else self.clock() - oldest
