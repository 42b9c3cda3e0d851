"""Metrics of the registry (https://prometheus.io/docs/practices/naming/)."""

from typing import Final

from prometheus_client import Counter, Gauge

FULL_PROJECTIONS: Final = Counter(
    "chargelight_directory_full_projections",
    "Projections of the whole directory into Redis that were finished.",
)
ENTRIES_CHANGED: Final = Counter(
    "chargelight_directory_entries_changed",
    "Directory entries that this registry changed or removed in Redis.",
)
PROJECTED_NUMBER: Final = Gauge(
    "chargelight_directory_projected_pairing_number",
    "All changes up to this pairing number are in effect in Redis; 0 while that is not known.",
)
REPAIRS: Final = Counter(
    "chargelight_directory_repairs",
    "How often Postgres was found to have lost changes that Redis has.",
)
TRANSITIONS: Final = Counter(
    "chargelight_transitions_taken",
    "Transitions of lights that were read from Redis, and recorded in the rentals they belong to.",
)
