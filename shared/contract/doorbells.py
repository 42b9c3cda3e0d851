"""The messages on Redis channels, as JSON.

They are doorbells: each repeats what was stored a moment ago. So ``redis-cli`` shows device
messages as they flow, and a router need not read Redis for each. Only the stored value counts:
the scripts ensure that.

The decoders raise one of `shared.contract.tolerant_json.NOT_DECODABLE`: ``redis-cli`` can
publish anything.
"""

from typing import Annotated, Any, Final

import msgspec

from shared.contract.device_protocol import (
    CHARGING_STATUS_EVENT,
    STATE_OF_CHARGE_EVENT,
    ChargingStatus,
)
from shared.contract.devices import ChargerId, MaybeDeviceId

LARGEST: Final = 2**53 - 2**40
"""Up to this, numbers count: so far below 2^53 that there is always a next one."""

Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST)]
"""A pairing number, an epoch or a sequence."""

Revision = tuple[Count, Count]
"""(connection epoch in µs, sequence within that connection): orders all readings of a charger."""


class ReadingData(msgspec.Struct, frozen=True):
    """``data`` of a reading."""

    soc: Annotated[float, msgspec.Meta(ge=0, le=100)]
    """State of charge in percent."""


class ReadingDoorbell(msgspec.Struct, frozen=True, kw_only=True):
    """A charger's reading was stored (channel ``{pNN}:readings``)."""

    event: str = STATE_OF_CHARGE_EVENT
    data: ReadingData
    charger: ChargerId
    revision: Revision
    pairing: Count = 0
    """Number of the pairing that it was stored under; 0 if it lights nothing."""
    widget: MaybeDeviceId = ""
    received_at: Count = 0
    """When a gateway accepted it, in µs of Redis' time; 0: an older gateway does not say."""
    traceparent: Any = ""
    """Of a reading that is traced: the context of its trace (W3C). Anything else is ignored, so
    it may be anything."""


class StatusData(msgspec.Struct, frozen=True):
    """``data`` of a status."""

    status: ChargingStatus


class StatusDoorbell(msgspec.Struct, frozen=True, kw_only=True):
    """A widget's status was stored (its status channel, and the value of ``{wNN}:statuses``)."""

    event: str = CHARGING_STATUS_EVENT
    data: StatusData
    widget: str
    charger: str
    pairing: Count
    revision: Revision
    thresholds: int
    """Version of the thresholds that the status was computed by."""
    replaces: Revision | msgspec.UnsetType = msgspec.UNSET
    """Revision of a stored status that nothing can have led to, and that this one replaces
    although it is newer."""
    received_at: Count | msgspec.UnsetType = msgspec.UNSET
    """When a gateway accepted the reading, if that is known."""
    traceparent: Any = msgspec.UNSET
    """Of a reading that is traced: the context of its trace, as in `ReadingDoorbell`."""

    @property
    def fence(self) -> tuple[int, int, int, int]:
        """Orders the statuses of a widget: a newer one compares greater."""
        return (self.pairing, *self.revision, self.thresholds)


class DirectoryChange(msgspec.Struct, frozen=True):
    """A device's registration or pairing changed (channel ``{…NN}:directory-changes``)."""

    ids: list[str]
    """Of the devices; empty: read all of this tag again."""


class PresenceChange(msgspec.Struct, frozen=True):
    """A charger came online or went offline (channel ``{pNN}:presence-changes``)."""

    charger: str
    online: bool


# Bare: a function around them would be one more call per reading.
decode_reading = msgspec.json.Decoder(ReadingDoorbell).decode
decode_status = msgspec.json.Decoder(StatusDoorbell).decode
decode_directory_change = msgspec.json.Decoder(DirectoryChange).decode
decode_presence_change = msgspec.json.Decoder(PresenceChange).decode
encode_status = msgspec.json.Encoder().encode
