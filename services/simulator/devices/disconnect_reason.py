"""Why a device has no connection: as a value, and in words for a person."""

from dataclasses import dataclass, field
from typing import Final

from shared.contract.device_protocol import CloseCode

NO_CLOSE_CODE: Final = 1006
"""Stands in for the close code where none was received (RFC 6455 section 7.4.1)."""


@dataclass(frozen=True, slots=True)
class Closed:
    """There was a connection and it ended; the code is 1006 where none was received."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Silent:
    """There was a connection, but nothing was heard from the hub for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The hub answered the handshake with an HTTP status.

    Attributes:
        retry_after: How long the hub asks to wait, in seconds; 0 if it did not.
    """

    http_status: int
    retry_after: float = 0.0


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No hub was found; the operating system said why."""

    why: str


DisconnectReason = Closed | Silent | Refused | Unreachable


@dataclass(frozen=True, slots=True)
class Device:
    """Who (a ``charger`` or a ``widget``) is connecting, where to, and with which secret."""

    kind: str
    device_id: str
    url: str
    secret: str = field(default="", repr=False)
    subprotocol: str = ""
    """What it offers; empty: none."""


def explain(reason: DisconnectReason, device: Device) -> str:
    """Return what happened and, where a person can do something, what."""
    match reason:
        case Closed(code, text):
            return _explain_close(code, text, device)
        case Silent(seconds):
            return f"nothing heard from the hub for {seconds:g} s: the connection counts as lost"
        case Refused(http_status):
            return _explain_refusal(http_status, device)
        case Unreachable(why):
            return f"no hub at {device.url}: {why}"


_CLOSES: Final[dict[int, str]] = {
    CloseCode.NOT_REGISTERED: "this {kind} is not registered",
    CloseCode.SUPERSEDED: "another connection of this {kind} is newer, and only the newest counts",
    CloseCode.GOING_AWAY: "the hub asks to connect again",
    CloseCode.TOO_FAST: "this {kind} sends faster than the hub allows",
    CloseCode.POLICY: "too many frames that the hub could not accept",
    CloseCode.TOO_BIG: "a message was larger than the hub allows",
    CloseCode.PROTOCOL_ERROR: "this {kind} broke a rule of the WebSocket protocol",
    CloseCode.NOT_UTF8: "this {kind} sent text that is not UTF-8",
}
"""What the close codes of the device protocol mean."""

_CLOSED_OTHERWISE: Final[dict[int, str]] = {
    1000: "the hub closed the connection",
    NO_CLOSE_CODE: "connection lost",
    1011: "the hub had an internal error",
}


def _explain_close(code: int, text: str, device: Device) -> str:
    known = _CLOSES | _CLOSED_OTHERWISE
    words = known.get(code, "the hub closed the connection").format(kind=device.kind)
    if text and text not in words:
        words += f' ("{text}")'
    if code == CloseCode.NOT_REGISTERED:
        pair = f"{device.device_id}:WIDGET"
        if device.kind == "widget":
            pair = f"CHARGER:{device.device_id}"
        words += f"; to register and pair it: chargelight-simulator register {pair}"
    return words if code == NO_CLOSE_CODE else f"{words} [{code}]"


def _explain_refusal(http_status: int, device: Device) -> str:
    match http_status:
        case 401:
            return (
                "the hub wants credentials, and these are missing or wrong, or this device is not "
                "registered [HTTP 401]; its secret goes into CHARGELIGHT_SIMULATOR_SECRET"
            )
        case 404:
            return (
                f"nothing for a {device.kind} at {device.url} [HTTP 404]; "
                "is it the right port? Chargers have one, widgets another"
            )
        case 429:
            return (
                "this device connects too often, or too many are connected from this address "
                "[HTTP 429]"
            )
        case 503:
            return "the hub is not ready yet [HTTP 503]"
        case _:
            return f"the hub refused the connection [HTTP {http_status}]"
