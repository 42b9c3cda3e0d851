"""The messages of the device protocol, as a device writes and reads them."""

from typing import Final

import msgspec

from shared.contract.device_protocol import (
    CHARGING_STATUS_EVENT,
    ERROR_EVENT,
    STATE_OF_CHARGE_EVENT,
    ChargingStatus,
)


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hub promises exactly these fields; a device that finds others says so."""


class StatusData(_Strict, frozen=True):
    """What a charging status message carries."""

    status: ChargingStatus


class ErrorData(_Strict, frozen=True):
    """What an error message carries."""

    code: str
    message: str


class StatusMessage(_Strict, frozen=True, tag_field="event", tag=CHARGING_STATUS_EVENT):
    """The hub tells a widget what to show."""

    data: StatusData


class ErrorMessage(_Strict, frozen=True, tag_field="event", tag=ERROR_EVENT):
    """The hub did not accept a frame."""

    data: ErrorData


class NotUnderstoodError(ValueError):
    """A message that the protocol does not have; the text holds it and says why."""


_decoder: Final[msgspec.json.Decoder[StatusMessage | ErrorMessage]] = msgspec.json.Decoder(
    StatusMessage | ErrorMessage
)


def read(message: str | bytes) -> StatusMessage | ErrorMessage:
    """Read a message of the hub.

    Raises:
        NotUnderstoodError: It is not one of the protocol.
    """
    try:
        return _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotUnderstoodError(f"{message!r:.200}: {error}") from error


def reading(state_of_charge: float) -> str:
    """Return the message that reports a state of charge, in percent."""
    whole = int(state_of_charge)
    number = whole if whole == state_of_charge else state_of_charge
    return msgspec.json.encode({"event": STATE_OF_CHARGE_EVENT, "data": {"soc": number}}).decode()
