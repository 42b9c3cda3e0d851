"""What a router counts."""

from typing import Final

from prometheus_client import Counter, Gauge

from shared.process.metrics.fast_counter import FastCounter

PARTITIONS: Final = Gauge("chargelight_partitions_owned", "Partitions this router works on.")
HEARD: Final = FastCounter("chargelight_readings_heard", "Readings heard on doorbells.")
SWEPT: Final = Counter(
    "chargelight_readings_swept", "Readings found pending: their doorbell was lost or not enough."
)
AUDITED: Final = Counter(
    "chargelight_readings_audited", "Readings routed again in turn, to find wrong statuses."
)
_written = Counter("chargelight_statuses_written", "Statuses written, by outcome.", ["outcome"])
LIT: Final = _written.labels("lit")
STALE: Final = _written.labels("stale")
MISMATCH: Final = _written.labels("mismatch")
RESTORED: Final = _written.labels("restored")
AHEAD: Final = _written.labels("ahead")
