"""What every service measures of itself. Of Redis: `shared.bus.connection_metrics`."""

from typing import Final

from prometheus_client import Gauge

from shared.process.metrics import bounds
from shared.process.metrics.fast_histogram import FastHistogram
from shared.process.metrics.readiness import ReadinessMetrics

BUILD: Final = Gauge(
    "chargelight_build_info",
    "Which service of which version this is, and the commit that it was built from; always 1.",
    ["service", "version", "commit"],
)
UNSAFE_SETTINGS: Final = Gauge(
    "chargelight_unsafe_settings",
    "Settings that are not safe, as the log said when the service started.",
)
TASKS: Final = Gauge("chargelight_tasks", "Tasks of this process: flat, whatever the load.")
CERTIFICATE_DAYS: Final = Gauge(
    "chargelight_certificate_days",
    "Days until the first certificate, or revocation list, in a file ends; below 0: it has ended.",
    ["setting"],
)
READINESS: Final = ReadinessMetrics(
    "chargelight_ready",
    "Whether this process does its work, as /readyz says: 1 or 0.",
    "chargelight_not_ready",
    "Why this process is not ready: 1 for the present reason.",
)
LOOP_DELAY: Final = FastHistogram(
    "chargelight_event_loop_delay_seconds",
    "How late the event loop is: for so long whatever else was due waited, too.",
    bounds.DELAY,
).of()
