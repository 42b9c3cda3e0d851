"""What stands in Redis of a device, and what that means right now. Without I/O."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

import msgspec
from pydantic import BaseModel, Field

from shared.device_protocol import ChargingStatus
from shared.doorbells import Revision, StatusDoorbell, decode_status
from shared.presence import (
    DEAD_SECONDS,
    Microseconds,
    decode_charger_presence,
    decode_rejection,
    decode_widget_presence,
)

_Message = TypeVar("_Message")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = 253_402_300_800_000_000
"""The end of the year 9999, in µs: no date lies beyond it."""
_DEAD: Final = round(DEAD_SECONDS * 1_000_000)


class DirectoryAbsentError(Exception):
    """Whether a device is registered can not be told: the directory is not in Redis."""


class Surroundings(NamedTuple):
    """What is the same for all devices."""

    now: int
    """Redis' time, in µs."""
    gateways: Mapping[str, int]
    """When each gateway was last heard of, in µs."""

    def is_alive(self, gateway: str) -> bool:
        """Whether what a gateway said of its devices still holds."""
        return self.now - self.gateways.get(gateway, 0) <= _DEAD


class RawCharger(NamedTuple):
    """The values of one charger, as they stand in Redis."""

    id: str
    entry: bytes | None
    is_complete: bool
    """Whether its tag's directory is complete, so that who is not in it is unknown."""
    live: bytes | None
    presence: bytes | None
    rejection: bytes | None
    pending: bytes | None
    """Since when (µs) its reading waits."""
    router: bytes | None
    status: bytes | None
    """The stored status of the widget it is paired with."""


class RawWidget(NamedTuple):
    """The values of one widget, as they stand in Redis."""

    id: str
    entry: bytes | None
    is_complete: bool
    presence: bytes | None
    rejection: bytes | None
    status: bytes | None


class _Entry(msgspec.Struct, frozen=True):
    """A directory entry."""

    pairing: int
    widget: str = ""
    charger: str = ""
    unregistered: bool = False


class _Live(msgspec.Struct, frozen=True):
    """A charger's live state; without a reading it is only an epoch."""

    revision: Revision | None = None
    soc: float = 0
    received_at: Microseconds = 0


class Reading(BaseModel):
    """The newest reading of a charger."""

    soc: float = Field(description="State of charge, in percent", examples=[70])
    received_at: datetime
    revision: list[int] = Field(
        min_length=2, max_length=2, description="Connection epoch and sequence; greater is newer"
    )


class Light(BaseModel):
    """The charging status that a widget was last lit with."""

    status: ChargingStatus
    charger: str = Field(examples=["c1234"])
    revision: list[int] = Field(
        min_length=2, max_length=2, description="That of the reading it was computed from"
    )


class LastRejection(BaseModel):
    """The last thing of a device that was refused."""

    at: datetime
    gateway: str = Field(description="Where it was refused")
    code: str = Field(examples=["out_of_range"])
    message: str


class ChargerState(BaseModel):
    """How it stands with a charger right now."""

    id: str = Field(examples=["c1234"])
    online: bool
    gateway: str | None = Field(description="Where its newest connection is, or was")
    since: datetime | None = Field(description="Since when it is connected there; null: offline")
    last_seen: datetime | None = Field(description="Now, if it is online; null: never, or unknown")
    reading: Reading | None = Field(description="Its newest reading")
    pairing_number: int
    widget: str | None = Field(description="The widget it is paired with")
    status: Light | None = Field(description="What that widget was last lit with, by this pairing")
    pending_since: datetime | None = Field(
        description="Since when its reading waits for a router; null: it does not"
    )
    router: str | None = Field(description="Which router works on its partition")
    last_rejection: LastRejection | None


class GatewayOfWidget(BaseModel):
    """A gateway with connections of a widget."""

    gateway: str
    since: datetime


class WidgetState(BaseModel):
    """How it stands with a widget right now."""

    id: str = Field(examples=["wABCD"])
    online: bool
    gateways: list[GatewayOfWidget] = Field(description="Where it is connected, longest first")
    since: datetime | None = Field(description="Since when it is connected; null: offline")
    last_seen: datetime | None = Field(description="Now, if it is online; null: never, or unknown")
    pairing_number: int
    charger: str | None = Field(description="The charger it is paired with")
    status: Light | None = Field(description="What it was last lit with, by this pairing")
    last_rejection: LastRejection | None


def charger_state(raw: RawCharger, around: Surroundings) -> ChargerState | None:
    """Return a charger's state, or None if it is not registered.

    Raises:
        DirectoryAbsentError: Nobody can tell whether it is.
    """
    entry = _registration(raw.entry, is_complete=raw.is_complete)
    if entry is None:
        return None
    live = _decoded(_decode_live, raw.live) or _Live()
    presence = decode_charger_presence(raw.presence)
    online = presence is not None and presence.left is None and around.is_alive(presence.gateway)
    seen = [live.received_at]
    if online:
        seen = [around.now]
    elif presence is not None:
        heard = around.gateways.get(presence.gateway, 0)
        seen += [presence.since, heard if presence.left is None else presence.left]
    return ChargerState(
        id=raw.id,
        online=online,
        gateway=presence.gateway if presence else None,
        since=_time(presence.since) if presence and online else None,
        last_seen=_time(max(seen)),
        reading=Reading(
            soc=live.soc, received_at=_moment(live.received_at), revision=list(live.revision)
        )
        if live.revision
        else None,
        pairing_number=entry.pairing,
        widget=entry.widget or None,
        status=_light(raw.status, entry),
        pending_since=_time(whole(raw.pending)) if raw.pending is not None else None,
        router=raw.router.decode(errors="replace") if raw.router is not None else None,
        last_rejection=_last_rejection(raw.rejection),
    )


def widget_state(raw: RawWidget, around: Surroundings) -> WidgetState | None:
    """Return a widget's state, or None if it is not registered.

    Raises:
        DirectoryAbsentError: Nobody can tell whether it is.
    """
    entry = _registration(raw.entry, is_complete=raw.is_complete)
    if entry is None:
        return None
    presence = decode_widget_presence(raw.presence)
    noted = presence.gateways if presence else {}
    alive = sorted((since, name) for name, since in noted.items() if around.is_alive(name))
    seen = [around.now] if alive else [presence.left or 0] if presence else [0]
    if not alive:
        seen += [max(since, around.gateways.get(name, 0)) for name, since in noted.items()]
    return WidgetState(
        id=raw.id,
        online=bool(alive),
        gateways=[GatewayOfWidget(gateway=name, since=_moment(since)) for since, name in alive],
        since=_moment(alive[0][0]) if alive else None,
        last_seen=_time(max(seen)),
        pairing_number=entry.pairing,
        charger=entry.charger or None,
        status=_light(raw.status, entry),
        last_rejection=_last_rejection(raw.rejection),
    )


def widget_paired_with(entry: bytes | None) -> str | None:
    """Return the widget in a charger's directory entry, if there is one."""
    decoded = _decoded(_decode_entry, entry)
    return decoded.widget or None if decoded else None


_decode_entry: Final = msgspec.json.Decoder(_Entry).decode
_decode_live: Final = msgspec.json.Decoder(_Live).decode


def _decoded(decode: Callable[[bytes], _Message], raw: bytes | None) -> _Message | None:
    """Decode what is there; what somebody broke with ``redis-cli`` counts as not there."""
    if raw is None:
        return None
    try:
        return decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _registration(raw: bytes | None, *, is_complete: bool) -> _Entry | None:
    entry = _decoded(_decode_entry, raw)
    if entry is None and not is_complete:
        raise DirectoryAbsentError
    return None if entry is None or entry.unregistered else entry


def _light(raw: bytes | None, entry: _Entry) -> Light | None:
    status: StatusDoorbell | None = _decoded(decode_status, raw)
    # Of a former pairing: it says nothing about what the widget shows.
    if status is None or status.pairing != entry.pairing:
        return None
    return Light(status=status.data.status, charger=status.charger, revision=list(status.revision))


def _last_rejection(raw: bytes | None) -> LastRejection | None:
    noted = decode_rejection(raw)
    if noted is None:
        return None
    return LastRejection(
        at=_moment(noted.at), gateway=noted.gateway, code=noted.code, message=noted.message
    )


def whole(score: bytes) -> int:
    """Return the score in a sorted set as a time in µs; 0 if it can be none."""
    time = float(score)
    return int(time) if 0 <= time < _END else 0


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def _time(microseconds: int) -> datetime | None:
    return _moment(microseconds) if microseconds else None
