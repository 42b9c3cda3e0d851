"""Values in Redis that Lua writes and Python reads, as JSON (the other side of ``model.lua``).

What gateways keep of devices is in `shared.contract.presence`, digests of secrets in
`shared.contract.credentials`, statuses in `shared.contract.doorbells`.
"""

from typing import Annotated, Any

import msgspec

from shared.contract.devices import MaybeChargerId, MaybeDeviceId
from shared.contract.doorbells import Count, Revision, StatusDoorbell
from shared.contract.presence import Microseconds
from shared.contract.tolerant_json import tolerant_decoder


class DirectoryEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A device's registration and pairing (``{…NN}:directory``)."""

    pairing: Count
    unregistered: bool = False
    """Whether the entry only marks that the device was unregistered."""
    charger: MaybeChargerId = ""
    """Of a widget: its charger."""
    token: str = ""
    """Of a charger: drawn with its pairing."""
    paired_at: Microseconds = 0
    """Of a charger: since when it is paired, by Redis' clock."""
    widget: MaybeDeviceId = ""
    """Of a charger: its widget."""

    @property
    def mark(self) -> str:
        """Of a paired charger: what its readings must carry to light its widget; else empty."""
        return f"{self.pairing}-{self.token}" if self.widget else ""


class LiveState(msgspec.Struct, frozen=True, omit_defaults=True):
    """A charger's connection epoch and newest reading (``{pNN}:live``)."""

    epoch: Count = 0
    revision: Revision | None = None
    """None without a reading."""
    soc: Annotated[float, msgspec.Meta(ge=0, le=100)] = 0
    received_at: Microseconds = 0
    traceparent: Any = ""
    """Of a reading that is traced: the context of its trace. No light depends on it, so it may be
    anything."""
    mark: str = ""
    """The mark of the pairing that the reading was sent in; empty: none."""


decode_directory_entry = tolerant_decoder(DirectoryEntry)
decode_live_state = tolerant_decoder(LiveState)
decode_stored_status = tolerant_decoder(StatusDoorbell)
