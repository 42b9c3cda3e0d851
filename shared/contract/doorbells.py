"""The messages on Redis channels, as JSON.

They are doorbells: each says what was stored a moment ago, so that whoever
looks in with ``redis-cli`` sees device messages flow and a router can work
without reading again. What decides is what is stored; the scripts see to that.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from shared.contract.device_protocol import CHARGING_STATUS_EVENT, ChargingStatus

_Message = TypeVar("_Message")

Revision = tuple[int, int]
"""(connection epoch in µs, sequence within that connection): orders all readings of a charger."""


class ReadingData(msgspec.Struct, frozen=True):
    """``data`` of a reading."""

    soc: float
    """State of charge in percent, 0 to 100."""


class ReadingDoorbell(msgspec.Struct, frozen=True):
    """A charger's reading was stored (channel ``{pNN}:readings``)."""

    charger: str
    revision: Revision
    data: ReadingData
    pairing: int = 0
    """Number of the pairing it was stored under; 0 if it is to light nothing."""
    widget: str = ""


class StatusData(msgspec.Struct, frozen=True):
    """``data`` of a status."""

    status: ChargingStatus


class StatusDoorbell(msgspec.Struct, frozen=True, kw_only=True):
    """A widget's status was stored (its status channel, and the value of ``{wNN}:statuses``)."""

    event: str = CHARGING_STATUS_EVENT
    data: StatusData
    widget: str
    charger: str
    pairing: int
    revision: Revision
    thresholds: int
    """Version of the thresholds that the status was computed with."""

    @property
    def fence(self) -> tuple[int, int, int, int]:
        """What orders the statuses of a widget: a newer one compares greater."""
        return (self.pairing, *self.revision, self.thresholds)


class DirectoryChange(msgspec.Struct, frozen=True):
    """A device's registration or pairing changed (channel ``{…NN}:directory-changes``)."""

    ids: list[str]
    """Which devices; none: look at all of this tag again."""


def _decoder(kind: type[_Message]) -> Callable[[bytes], _Message]:
    """Make a decoder that raises `msgspec.DecodeError` for whatever is none of this kind.

    Anybody with ``redis-cli`` can publish anything, and msgspec lets what is no
    text, or nested too deeply, out as errors of other classes.
    """
    decode = msgspec.json.Decoder(kind).decode

    def decode_or_refuse(payload: bytes) -> _Message:
        try:
            return decode(payload)
        except (UnicodeDecodeError, RecursionError) as error:
            raise msgspec.DecodeError(str(error)) from error

    return decode_or_refuse


decode_reading = _decoder(ReadingDoorbell)
decode_status = _decoder(StatusDoorbell)
decode_directory_change = _decoder(DirectoryChange)
encode_status = msgspec.json.Encoder().encode
