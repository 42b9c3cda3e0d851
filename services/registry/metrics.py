"""Metrics of the registry (https://prometheus.io/docs/practices/naming/)."""

from typing import Final

from prometheus_client import Counter, Gauge

from shared.contract.devices import Kind
from shared.process.metrics import bounds
from shared.process.metrics.fast_histogram import FastHistogram

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
TRANSITIONS_WAITING: Final = Gauge(
    "chargelight_transitions_waiting", "Transitions of lights that wait in Redis to be recorded."
)
TRANSITION_OLDEST: Final = Gauge(
    "chargelight_transition_oldest_seconds",
    "For how long recording transitions has not kept up: since then some have always waited.",
)
DIRECTORY_LAG: Final = Gauge(
    "chargelight_directory_lag",
    "Numbers of changes in Postgres that are not known to be in effect in Redis.",
)
DIRECTORY_CHECKED: Final = Gauge(
    "chargelight_directory_checked_timestamp_seconds",
    "When the directory in Redis was last found to be complete; 0: not yet.",
)
POSTGRES_CONNECTED: Final = Gauge(
    "chargelight_postgres_connected",
    "Whether the connection that hears Postgres' notifications works: 1 or 0.",
)
POSTGRES_POOL_WAITING: Final = Gauge(
    "chargelight_postgres_pool_waiting", "Work that waits for a connection to Postgres."
)

BACKUP_TIMESTAMP: Final = Gauge(
    "chargelight_backup_timestamp_seconds",
    "When the newest backup in the folder was begun; 0: there is none.",
)
BACKUP_BYTES: Final = Gauge("chargelight_backup_bytes", "How large it is.")
BACKUP_INTERVAL: Final = Gauge(
    "chargelight_backup_interval_seconds", "How often a backup is due; 0: never."
)
BACKUP_FAILURES: Final = Counter(
    "chargelight_backup_failures", "Backups that this registry could not take."
)

OUTBOX_WAITING: Final = Gauge(
    "chargelight_outbox_waiting", "Deliveries of events that wait, or are tried again, by all."
)
OUTBOX_OLDEST: Final = Gauge(
    "chargelight_outbox_oldest_seconds",
    "For how long the oldest of them has waited; 0: none does.",
)
_deliveries = Counter(
    "chargelight_outbox_deliveries",
    "Deliveries that this registry attempted, by their end. Those given up have failed too.",
    ["outcome"],
)
DELIVERED: Final = _deliveries.labels("delivered")
DELIVERIES_FAILED: Final = _deliveries.labels("failed")
GIVEN_UP: Final = _deliveries.labels("given_up")

_devices = Gauge(
    "chargelight_devices", "Devices, as counted within the last minute or so.", ["kind", "state"]
)
REGISTERED: Final = {kind: _devices.labels(kind.value, "registered") for kind in Kind}
ONLINE: Final = {kind: _devices.labels(kind.value, "online") for kind in Kind}

LIVE_STREAMS: Final = Gauge("chargelight_live_streams", "Clients that watch the feed.")

_audited = Counter(
    "chargelight_lights_audited",
    "Lights of connected pairs, looked at at random, by how they were.",
    ["outcome"],
)
AUDITED: Final = {outcome: _audited.labels(outcome) for outcome in ("right", "late", "wrong")}

REQUEST_SECONDS: Final = FastHistogram(
    "chargelight_http_request_seconds",
    "From a REST request's head to the end of its answer, by what it is about.",
    bounds.REQUEST,
    "group",
)
_requests = Counter(
    "chargelight_http_requests", "REST requests, by the class of their status.", ["route", "class"]
)
OTHER_ROUTE: Final = "other"
"""What no route answers."""
_CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")


def show_route(route: str) -> None:
    """Show the series of a route from now on."""
    for each in _CLASSES:
        _requests.labels(route, each)


def count_request(route: str, status: int) -> None:
    """Count a request that was answered with a status."""
    _requests.labels(route, f"{status // 100}xx").inc()
