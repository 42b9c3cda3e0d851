"""Where devices are, and what was last refused of them: gateways write it, others read it.

A gateway says about every `RENEW_SECONDS` that it is alive, once for all its devices. So a
device is online if its entry says so *and* the gateway named there is alive.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec

from shared.contract.device_protocol import ErrorCode
from shared.contract.tolerant_json import tolerant_decoder

RENEW_SECONDS: Final = 2.0
"""How often a gateway says that it is alive."""
DEAD_SECONDS: Final = 10.0
"""A gateway that was silent for so long counts as dead, and its devices as offline."""

# At most the end of the year 9999, so that each is a date.
Microseconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999_999)]
"""A time, in µs since 1970, by Redis' clock."""


class RejectionCode(StrEnum):
    """Why something of a device was refused: a closed set, error events included."""

    NOT_TEXT = ErrorCode.NOT_TEXT
    NOT_JSON = ErrorCode.NOT_JSON
    UNKNOWN_EVENT = ErrorCode.UNKNOWN_EVENT
    INVALID_READING = ErrorCode.INVALID_READING
    OUT_OF_RANGE = ErrorCode.OUT_OF_RANGE
    UNEXPECTED = ErrorCode.UNEXPECTED
    SUPERSEDED = "superseded"
    """A newer connection of the charger counts (close 4409)."""
    UNAUTHORIZED = "unauthorized"
    """Its secret was missing or wrong (HTTP 401)."""
    SILENT = "silent"
    """It was silent for too long and was cut off."""
    TOO_MANY_BAD_FRAMES = "too_many_bad_frames"
    """Close 1008."""
    TOO_BIG = "too_big"
    """A message too large, or in too many fragments (close 1009)."""
    TOO_FAST = "too_fast"
    """It sent faster than it may, for too long (close 4429)."""
    PROTOCOL_ERROR = "protocol_error"
    """It broke the WebSocket protocol (close 1002)."""


class RefusalReason(StrEnum):
    """Why a device could not connect: a closed set."""

    UNAUTHORIZED = "unauthorized"
    """Its secret was missing or wrong (HTTP 401)."""
    ORIGIN = "origin"
    """Its ``Origin`` may be a web page's (HTTP 403)."""
    WRONG_PATH = "wrong_path"
    """It asked for what this port does not serve (HTTP 404)."""
    NOT_REGISTERED = "not_registered"
    """Its id is not registered (close 4404)."""
    TLS = "tls"
    """It spoke TLS to a plain port."""
    NO_TLS = "no_tls"
    """It did not speak TLS to a port that needs it."""
    TLS_VERSION = "tls_version"
    """It speaks only TLS older than 1.2."""
    CERTIFICATE = "certificate"
    """Its certificate is missing, has ended, is revoked, or another CA's."""
    HUB_CERTIFICATE = "hub_certificate"
    """It ended the TLS handshake: it does not trust the hub's certificate, or not by this name."""
    NOT_WEBSOCKET = "not_websocket"
    """It sent something else than a WebSocket handshake."""
    SHARED_ID = "shared_id"
    """It was connected while another device was that has the same id."""


class ChargerPresence(msgspec.Struct, frozen=True):
    """Where a charger's newest connection is, or was (``{pNN}:presence``)."""

    gateway: str
    epoch: int
    since: Microseconds
    left: Microseconds | None = None
    """When it went offline; None while it is online."""


class WidgetPresence(msgspec.Struct, frozen=True):
    """Which gateways have connections of a widget (``{wNN}:presence``)."""

    gateways: dict[str, Microseconds]
    """Since when each of them has one or more."""
    left: Microseconds | None = None
    """When the last of them ended; None while there is one."""


class Rejection(msgspec.Struct, frozen=True):
    """The newest of a device's rejections (``{…NN}:rejections``)."""

    at: Microseconds
    gateway: str
    code: str
    message: str


class Refused(msgspec.Struct, frozen=True):
    """How often a device was refused for one reason (``refused``)."""

    count: Annotated[int, msgspec.Meta(ge=1)]
    at: Microseconds
    """The last time."""
    gateway: str
    """The last one."""
    since: Microseconds = 0
    """The first time that was counted; 0: a gateway of version 0.1.0 wrote it."""


class OcppNote(StrEnum):
    """What may keep the light of a charger dark that speaks OCPP: a closed set."""

    UNUSABLE_SOC = "unusable_soc"
    """A value that is or seems a state of charge is none."""
    MALFORMED = "malformed"
    """A payload has a member of a wrong kind; it was answered, and read as if it were empty."""
    NO_CONNECTOR = "no_connector"
    """A reading is of no connector: 0, too great, or of an unknown transaction."""
    NOT_REGISTERED = "not_registered"
    """A reading is of a connector that is not registered."""
    LATE = "late"
    """A reading came more than a minute after it was sampled."""
    WRONG_CLOCK = "wrong_clock"
    """The charger's clock is behind."""
    CANNOT_REPORT = "cannot_report"
    """The charger cannot be told to report its state of charge."""
    REBOOT_REQUIRED = "reboot_required"
    """What was set takes effect once the charger starts again."""
    CANNOT_TRIGGER = "cannot_trigger"
    """The charger does not say its level when it is asked for it."""


class OcppCharger(msgspec.Struct, frozen=True):
    """What a gateway knows of a charger that speaks OCPP (``{pNN}:ocpp``)."""

    epoch: int
    """Of the connection on which it was said."""
    dialect: str
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    states: dict[int, str] = {}
    """Of each connector, in the charger's words; 0 is the charger as a whole."""
    reporting: list[int] = []
    """Connectors whose state of charge has come on this connection."""
    notes: dict[str, str] = {}
    """The newest of each kind (`OcppNote`)."""
    full_when: dict[int, str] = {}
    """What counts as full, of each connector for which that is set."""
    by_setting: list[int] = []
    """Connectors whose newest level came by that, and not from a state of charge."""


decode_ocpp_charger = tolerant_decoder(OcppCharger)
decode_charger_presence = tolerant_decoder(ChargerPresence)
decode_widget_presence = tolerant_decoder(WidgetPresence)
decode_rejection = tolerant_decoder(Rejection)
decode_refused = tolerant_decoder(Refused)
