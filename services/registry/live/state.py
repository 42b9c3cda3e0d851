"""A device's live state, interpreted. No I/O."""

from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel, Field

from services.registry.estimate.shown import PhoneEstimate
from services.registry.live.redis_values import (
    Environment,
    RawCharger,
    RawWidget,
    decode_live,
    decode_registration,
    decode_status,
    score_to_us,
)
from shared.contract.device_protocol import ChargingStatus
from shared.contract.presence import (
    decode_charger_presence,
    decode_rejection,
    decode_widget_presence,
)
from shared.redis_state.values import DirectoryEntry

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_GATEWAY: Final = "gateway-booth-1b9d3e"
"""An example."""


class Reading(BaseModel):
    """The newest reading of a charger."""

    soc: float = Field(description="State of charge, in percent", examples=[70])
    received_at: datetime = Field(description="When its gateway received it")
    revision: list[int] = Field(
        min_length=2,
        max_length=2,
        description="Connection epoch and sequence; greater is newer",
        examples=[[1795494065000000, 12]],
    )


class Light(BaseModel):
    """The charging status that a widget was last lit with."""

    status: ChargingStatus = Field(description="The charging status")
    charger: str = Field(description="Whose reading it shows", examples=["c1234"])
    revision: list[int] = Field(
        min_length=2,
        max_length=2,
        description="That of the reading it was computed from",
        examples=[[1795494065000000, 12]],
    )


class LastRejection(BaseModel):
    """The last thing of a device that was refused."""

    at: datetime = Field(description="When it was refused")
    gateway: str = Field(description="Where it was refused", examples=[_GATEWAY])
    code: str = Field(
        description="What it was refused for, in the words of the device protocol",
        examples=["out_of_range"],
    )
    message: str = Field(
        description="What the device was told", examples=["soc must be from 0 to 100"]
    )


class ChargerState(BaseModel):
    """How it stands with a charger right now."""

    id: str = Field(description="Its id", examples=["c1234"])
    online: bool = Field(description="Whether a living gateway has a connection of it")
    gateway: str | None = Field(
        description="Where its newest connection is, or was", examples=[_GATEWAY]
    )
    since: datetime | None = Field(description="Since when it is connected there; null: offline")
    last_seen: datetime | None = Field(description="Now, if it is online; null: never, or unknown")
    reading: Reading | None = Field(description="Its newest reading")
    pairing_number: int = Field(
        description="Number of the last change that touched it; grows", examples=[9]
    )
    widget: str | None = Field(description="The widget it is paired with", examples=["wABCD"])
    status: Light | None = Field(description="What that widget was last lit with, by this pairing")
    pending_since: datetime | None = Field(
        description="Since when its reading waits for a router; null: it does not"
    )
    router: str | None = Field(
        description="Which router works on its partition", examples=["router-booth-4f2a1c"]
    )
    last_rejection: LastRejection | None = Field(description="What was last refused of it")
    estimate: PhoneEstimate | None = Field(
        default=None,
        description="When the phone in it will be ready; null: no rental is open, or the phone "
        "was not heard of yet",
    )


class GatewayOfWidget(BaseModel):
    """A gateway with connections of a widget."""

    gateway: str = Field(description="Its instance id", examples=[_GATEWAY])
    since: datetime = Field(description="Since when the widget is connected there")


class WidgetState(BaseModel):
    """How it stands with a widget right now."""

    id: str = Field(description="Its id", examples=["wABCD"])
    online: bool = Field(description="Whether a living gateway has a connection of it")
    gateways: list[GatewayOfWidget] = Field(description="Where it is connected, longest first")
    since: datetime | None = Field(description="Since when it is connected; null: offline")
    last_seen: datetime | None = Field(description="Now, if it is online; null: never, or unknown")
    pairing_number: int = Field(
        description="Number of the last change that touched it; grows", examples=[9]
    )
    charger: str | None = Field(description="The charger it is paired with", examples=["c1234"])
    status: Light | None = Field(description="What it was last lit with, by this pairing")
    last_rejection: LastRejection | None = Field(description="What was last refused of it")


def charger_state(raw: RawCharger, environment: Environment) -> ChargerState | None:
    """Return a charger's state, or None if it is not registered.

    Raises:
        DirectoryAbsentError: The directory is not in Redis.
    """
    entry = decode_registration(raw.entry, is_complete=raw.is_complete)
    if entry is None:
        return None
    live = decode_live(raw.live)
    presence = decode_charger_presence(raw.presence)
    online = (
        presence is not None and presence.left is None and environment.is_alive(presence.gateway)
    )
    seen = [live.received_at]
    if online:
        seen = [environment.now]
    elif presence is not None:
        heard = environment.gateways.get(presence.gateway, 0)
        seen += [presence.since, heard if presence.left is None else presence.left]
    return ChargerState(
        id=raw.id,
        online=online,
        gateway=presence.gateway if presence else None,
        since=_to_datetime_or_none(presence.since) if presence and online else None,
        last_seen=_to_datetime_or_none(max(seen)),
        reading=Reading(
            soc=live.soc, received_at=to_datetime(live.received_at), revision=list(live.revision)
        )
        if live.revision
        else None,
        pairing_number=entry.pairing,
        widget=entry.widget or None,
        status=_light(raw.status, entry),
        pending_since=_to_datetime_or_none(score_to_us(raw.pending))
        if raw.pending is not None
        else None,
        router=raw.router.decode(errors="replace") if raw.router is not None else None,
        last_rejection=_last_rejection(raw.rejection),
    )


def state_since(
    pairing_number: int, raw: RawCharger, environment: Environment
) -> ChargerState | None:
    """Return a charger's state from a pairing number on, so that a rental shows no earlier phone.

    None: the charger is not registered, or its state is from before.

    Raises:
        DirectoryAbsentError: The directory is not in Redis.
    """
    state = charger_state(raw, environment)
    return None if state is None or state.pairing_number < pairing_number else state


def widget_state(raw: RawWidget, environment: Environment) -> WidgetState | None:
    """Return a widget's state, or None if it is not registered.

    Raises:
        DirectoryAbsentError: The directory is not in Redis.
    """
    entry = decode_registration(raw.entry, is_complete=raw.is_complete)
    if entry is None:
        return None
    presence = decode_widget_presence(raw.presence)
    noted = presence.gateways if presence else {}
    alive = sorted((since, name) for name, since in noted.items() if environment.is_alive(name))
    seen = [environment.now] if alive else [presence.left or 0] if presence else [0]
    if not alive:
        seen += [max(since, environment.gateways.get(name, 0)) for name, since in noted.items()]
    return WidgetState(
        id=raw.id,
        online=bool(alive),
        gateways=[GatewayOfWidget(gateway=name, since=to_datetime(since)) for since, name in alive],
        since=to_datetime(alive[0][0]) if alive else None,
        last_seen=_to_datetime_or_none(max(seen)),
        pairing_number=entry.pairing,
        charger=entry.charger or None,
        status=_light(raw.status, entry),
        last_rejection=_last_rejection(raw.rejection),
    )


def _light(raw: bytes | None, entry: DirectoryEntry) -> Light | None:
    status = decode_status(raw, entry.pairing)
    if status is None:
        return None
    return Light(status=status.data.status, charger=status.charger, revision=list(status.revision))


def _last_rejection(raw: bytes | None) -> LastRejection | None:
    noted = decode_rejection(raw)
    if noted is None:
        return None
    return LastRejection(
        at=to_datetime(noted.at), gateway=noted.gateway, code=noted.code, message=noted.message
    )


def to_datetime(microseconds: int) -> datetime:
    """Return a time in µs since 1970 as a date."""
    return _EPOCH + timedelta(microseconds=microseconds)


def _to_datetime_or_none(microseconds: int) -> datetime | None:
    return to_datetime(microseconds) if microseconds else None
