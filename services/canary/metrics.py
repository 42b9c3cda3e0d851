"""Metrics of the canary."""

from typing import Final

from prometheus_client import Counter

from services.canary.judging import Outcome
from shared.process.metrics import bounds
from shared.process.metrics.fast_histogram import FastHistogram

SECONDS: Final = FastHistogram(
    "chargelight_canary_seconds",
    "From sending a frame of the canary's charger to its widget's frame with that light.",
    bounds.LIGHT,
).of()
_lights = Counter(
    "chargelight_canary_lights", "Readings of the canary, by the light they led to.", ["outcome"]
)
LIGHTS: Final = {outcome: _lights.labels(outcome) for outcome in Outcome}
