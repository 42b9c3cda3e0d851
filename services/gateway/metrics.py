"""What a gateway counts. Children are looked up once: it is done once per frame."""

from typing import Final

from prometheus_client import Counter, Gauge

from shared.contract.device_protocol import CloseCode, ErrorCode
from shared.contract.presence import RefusalReason
from shared.process.metrics import bounds
from shared.process.metrics.fast_counter import FastCounter
from shared.process.metrics.fast_histogram import FastHistogram

_connections = Gauge("chargelight_connections", "Devices connected now.", ["kind"])
CHARGERS: Final = _connections.labels("charger")
WIDGETS: Final = _connections.labels("widget")
CONNECTIONS_MAX: Final = Gauge(
    "chargelight_connections_max", "How many devices may be connected at the same time."
)
CONNECTIONS_WAITING: Final = Gauge(
    "chargelight_connections_waiting",
    "Handshakes and devices that wait because the directory is missing.",
)
ACCEPTING: Final = Gauge(
    "chargelight_accepting", "Whether devices may be sent here, as /accepting says: 1 or 0."
)
DRAINING: Final = Gauge("chargelight_draining", "Whether this gateway stops: 1 or 0.")
SEND_BUFFER: Final = Gauge(
    "chargelight_send_buffer_bytes",
    "What was written to devices and is not in the kernel yet, of all connections.",
)

_handshakes = Counter("chargelight_handshakes", "Handshakes accepted.", ["kind"])
CHARGER_HANDSHAKES: Final = _handshakes.labels("charger")
WIDGET_HANDSHAKES: Final = _handshakes.labels("widget")
HANDSHAKE_SECONDS: Final = FastHistogram(
    "chargelight_handshake_seconds",
    "From a device's request to its acceptance, all waiting included.",
    bounds.HANDSHAKE,
).of()
_REFUSED_WITH: Final = (400, 401, 403, 404, 426, 429, 431, 500, 503)

_refused = Counter("chargelight_handshakes_refused", "Handshakes refused.", ["status"])
for _status in _REFUSED_WITH:
    _refused.labels(str(_status))
_closed = Counter("chargelight_closes", "Connections closed by the gateway.", ["code"])
_BY_THE_LIBRARY: Final = (CloseCode.PROTOCOL_ERROR, CloseCode.NOT_UTF8)
"""Codes that the library closes with by itself; they are not counted."""
CLOSED: Final[dict[CloseCode, Counter]] = {
    code: _closed.labels(str(int(code))) for code in CloseCode if code not in _BY_THE_LIBRARY
}

_failed_entrances = Counter(
    "chargelight_entrances_failed",
    "Connections that ended before their handshake: in TLS, or in a balancer's header.",
    ["reason"],
)
_GONE: Final = "gone"
_AT_THE_ENTRANCE: Final = (
    RefusalReason.NO_TLS,
    RefusalReason.TLS_VERSION,
    RefusalReason.CERTIFICATE,
    RefusalReason.HUB_CERTIFICATE,
    RefusalReason.NOT_WEBSOCKET,
    _GONE,
)
for _reason in _AT_THE_ENTRANCE:
    _failed_entrances.labels(str(_reason))

VANISHED: Final = Counter(
    "chargelight_devices_vanished", "Connections that ended without a closing handshake."
)
CUT_OFF: Final = Counter(
    "chargelight_connections_cut_off", "Connections cut off because there were too many."
)
OVERDUE: Final = Counter(
    "chargelight_handshakes_overdue",
    "Handshakes refused because they had waited too long for their turn.",
)
SLOWED: Final = Counter(
    "chargelight_devices_slowed",
    "Times that a device was not read from for a moment because it sends too fast.",
)
SILENT: Final = Counter("chargelight_devices_silent", "Connections cut off for their silence.")

READINGS: Final = FastCounter("chargelight_readings_received", "Valid readings received.")
STORED: Final = FastCounter("chargelight_readings_stored", "Readings stored (after conflation).")
ASKED_AGAIN: Final = Counter(
    "chargelight_chargers_asked_again",
    "Chargers closed with 1001, or asked by OCPP, so that they say their level again.",
)
RESTORED: Final = Counter(
    "chargelight_readings_restored",
    "Readings stored again: Redis had lost them, or they could not be read.",
)
STORE_SECONDS: Final = FastHistogram(
    "chargelight_reading_store_seconds",
    "From accepting a reading to its being stored.",
    bounds.LIGHT,
).of()
UNSTORED: Final = Gauge(
    "chargelight_readings_unstored", "Chargers with a reading that is not stored yet."
)
UNSTORED_OLDEST: Final = Gauge(
    "chargelight_reading_unstored_oldest_seconds",
    "For how long storing has not kept up: since then some reading has always waited.",
)
READING_TO_STATUS: Final = FastHistogram(
    "chargelight_reading_to_status_seconds",
    "From accepting a reading, at any gateway, to writing its status to its widget's socket.",
    bounds.LIGHT,
).of()
STATUSES: Final = FastCounter("chargelight_statuses_sent", "Statuses sent to widgets.")

_bad = Counter("chargelight_bad_frames", "Frames answered with an error event.", ["code"])
BAD_FRAMES: Final = {code: _bad.labels(str(code)) for code in ErrorCode}

SWEPT: Final = Counter(
    "chargelight_devices_swept", "Devices of gateways that died, turned to offline."
)
REJECTIONS_DROPPED: Final = Counter(
    "chargelight_rejections_dropped", "Rejections not noted because there were too many."
)
SHARED_IDS: Final = Counter(
    "chargelight_shared_ids", "Times that two devices were connected with one id."
)
REFUSALS_DROPPED: Final = Counter(
    "chargelight_refusals_dropped",
    "Refused handshakes that `chargelight refused` does not show because there were too many.",
)


def count_refusal(status: int) -> None:
    """Count a refused handshake."""
    _refused.labels(str(status)).inc()


def count_failed_entrance(reason: RefusalReason | None) -> None:
    """Count a connection that ended before its handshake; None: it only went away."""
    _failed_entrances.labels(_GONE if reason is None else str(reason)).inc()
