"""The protocol devices speak: paths, events, error codes and close codes.

Real firmware depends on every literal here; docs/protocol.md is its prose. The
transport is WebSocket (RFC 6455), the messages are JSON (RFC 8259).
"""

from enum import IntEnum, StrEnum
from typing import Final

CHARGER_PATHS: Final = ("/chargers/",)
"""What comes before the id in a charger's URL path."""

WIDGET_PATHS: Final = ("/widgets/", "/devices/")
"""What comes before the id in a widget's URL path."""

STATE_OF_CHARGE_EVENT: Final = "StateOfCharge"
CHARGING_STATUS_EVENT: Final = "chargingStatus"
ERROR_EVENT: Final = "error"

MAX_MESSAGE_BYTES: Final = 1024
"""Largest message a device may send, fragments added up; beyond it: close 1009."""

MAX_FRAGMENTS: Final = 16
"""Most fragments one message may come in; beyond it: close 1009."""


class ChargingStatus(StrEnum):
    """What a widget shows: red, yellow or green."""

    CHARGING = "charging"
    CHARGING80 = "charging80"
    CHARGED = "charged"


class CloseCode(IntEnum):
    """Why the hub closes a device's connection (RFC 6455 section 7.4)."""

    GOING_AWAY = 1001
    """The gateway drains, the widget's pairing changed, or `SAY_AGAIN`: connect again."""
    PROTOCOL_ERROR = 1002
    """Frames that break the rules of RFC 6455."""
    NOT_UTF8 = 1007
    """A text message that is not UTF-8."""
    POLICY = 1008
    """Too many bad frames, or the secret of the connection was revoked."""
    TOO_BIG = 1009
    """A message over 1 KiB, or in more than 16 fragments."""
    NOT_REGISTERED = 4404
    """This id is not registered, or was unregistered just now."""
    SUPERSEDED = 4409
    """A newer connection of this charger exists; only the newest one counts."""
    TOO_FAST = 4429
    """The device sends faster than it may."""


SAY_AGAIN: Final = "say your level again"
"""The reason of a 1001 to a charger whose last reading may be from before its pairing."""


class ErrorCode(StrEnum):
    """The closed set of codes in an ``error`` event; the connection stays open."""

    NOT_TEXT = "not_text"
    """A binary frame; messages are text."""
    NOT_JSON = "not_json"
    """Not JSON, or JSON with a name twice in one object."""
    UNKNOWN_EVENT = "unknown_event"
    """``event`` is missing or unknown."""
    INVALID_READING = "invalid_reading"
    """``data.soc`` is missing or not a number."""
    OUT_OF_RANGE = "out_of_range"
    """``data.soc`` is a number outside 0 to 100."""
    UNEXPECTED = "unexpected"
    """A widget sent something; widgets only listen."""
