"""Devices: their two kinds, and what an id looks like."""

import re
from enum import StrEnum
from typing import Annotated, Final

import msgspec


class Kind(StrEnum):
    """Which of the two kinds of devices."""

    CHARGER = "charger"
    WIDGET = "widget"


_ID: Final = r"[A-Za-z0-9._-]{1,64}"
_COMPILED: Final = re.compile(_ID)
_CHARGER_ID: Final = rf"{_ID}(:([2-9]|[1-9][0-9]))?"
"""The ids of connectors are chargers', too (`shared.contract.connectors`)."""

# `\Z`: a `$` would let a trailing newline through.
DeviceId = Annotated[str, msgspec.Meta(pattern=rf"\A{_ID}\Z")]
"""An id in a message; a message with an id of another form is not decoded."""

ChargerId = Annotated[str, msgspec.Meta(pattern=rf"\A{_CHARGER_ID}\Z")]
"""The id of a charger, or of a connector."""

MaybeChargerId = Annotated[str, msgspec.Meta(pattern=rf"\A({_CHARGER_ID})?\Z")]
"""The same; empty if there is no such charger."""

MaybeDeviceId = Annotated[str, msgspec.Meta(pattern=rf"\A({_ID})?\Z")]
"""The same; empty if there is no such device."""


ID_RULE: Final = "an id is 1 to 64 of A-Z a-z 0-9 . _ -"


def is_device_id(text: str) -> bool:
    """Tell whether a text may be an id; see `ID_RULE`."""
    return _COMPILED.fullmatch(text) is not None


URN: Final = "urn:chargelight:"
"""What the names of devices in certificates begin with."""


def urn_of(kind: Kind, device_id: str) -> str:
    """Return the name of a device in its certificate: a URI among the subject's other names."""
    return f"{URN}{kind.value}:{device_id}"
