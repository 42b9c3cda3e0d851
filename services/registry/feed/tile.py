"""A charger as the console shows it. No I/O."""

from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.registry.live.redis_values import (
    Environment,
    RawCharger,
    decode_live,
    decode_registration,
    decode_status,
    score_to_us,
)
from services.registry.live.state import to_datetime
from shared.contract.device_protocol import ChargingStatus
from shared.contract.doorbells import Revision, StatusDoorbell
from shared.contract.presence import ChargerPresence, decode_charger_presence
from shared.redis_state.values import DirectoryEntry, LiveState

_WAITING_US: Final = 5_000_000
"""A reading that waits for a router for longer is a problem."""
_SILENT_US: Final = 60_000_000
"""So is a charger that is connected and paired for longer, and says no level."""


class Row(NamedTuple):
    """What Postgres knows of a charger, and of the phone in it."""

    charger: str
    label: str = ""
    location: str = ""
    booth: str | None = None
    rental: UUID | None = None
    """The open one; None: there is no phone in it, as far as is known."""
    ticket: str | None = None
    opened_at: datetime | None = None
    rented_widget: str | None = None
    reached_80_at: datetime | None = None
    reached_100_at: datetime | None = None


class TileProblem(StrEnum):
    """What needs a look: a closed set."""

    NOT_IN_EFFECT = "not_in_effect"
    """It is registered, and the hub does not act on that yet."""
    OFFLINE = "offline"
    """There is a phone in it, and no gateway has a connection of it."""
    WAITING = "waiting"
    """Its reading waits for a router."""
    NO_READING = "no_reading"
    """It is connected and paired, and has said no level since."""


class TileRental(BaseModel):
    """The phone in a charger."""

    model_config = ConfigDict(frozen=True)

    id: UUID = Field(description="The id of the open rental")
    ticket: str | None = Field(description="What stands on the visitor's ticket", examples=["0815"])
    opened_at: datetime = Field(description="When the phone was handed over")


class TileReady(BaseModel):
    """From when until when a phone will be full, as far as can be said; no promise."""

    model_config = ConfigDict(frozen=True)

    earliest_at: datetime = Field(description="Not before")
    latest_at: datetime = Field(description="Nor after")


class Tile(BaseModel):
    """A charger as a wall shows it.

    Of two tiles of a charger, the one with the greater `pairing_number`, and with the same the
    greater `revision`, is newer.
    """

    model_config = ConfigDict(frozen=True)

    charger: str = Field(description="Its id", examples=["c1234"])
    label: str = Field(description="What people call it", examples=["Booth 3, left"])
    booth: str | None = Field(description="Its booth; null: none", examples=["main-stage"])
    location: str = Field(description="Where it stands", examples=["second shelf"])
    widget: str | None = Field(description="The widget it is paired with", examples=["wABCD"])
    rental: TileRental | None = Field(description="The phone in it; null: there is none")
    level: float | None = Field(
        description="State of charge in percent; null: none was said in this pairing",
        examples=[70],
    )
    light: ChargingStatus | None = Field(
        description="What the widget was last lit with, by this pairing; null: it is dark"
    )
    light_since: datetime | None = Field(
        description="Since when the light is this one; null: dark, or not known"
    )
    ready: TileReady | None = Field(
        description="When the phone will be full, estimated; null: it is, or that is not known",
    )
    online: bool = Field(description="Whether a living gateway has a connection of it")
    problem: TileProblem | None = Field(description="What needs a look; null: nothing")
    pairing_number: int | None = Field(
        description="Number of the last change that touched it; grows. null: not in effect yet",
        examples=[9],
    )
    revision: list[int] | None = Field(
        min_length=2,
        max_length=2,
        description="That of the reading which the light was computed from; null: dark",
        examples=[[1795494065000000, 12]],
    )


class LightChange(NamedTuple):
    """A light became another one, as its doorbell said."""

    fence: tuple[int, int, int, int]
    """As `StatusDoorbell.fence`."""
    light: ChargingStatus
    at: int
    """When the reading that changed it was accepted, in µs; 0: not known."""


class Found(NamedTuple):
    """A tile as it was found, and what is only needed to compare it with the one before."""

    tile: Tile
    received_at: int = 0
    """When the newest reading behind the light was accepted, in µs; 0: not known."""
    replaces: Revision | None = None
    """Revision of a status that nothing can have led to, and that the light stands in place of."""

    def with_ready(self, ready: TileReady) -> "Found":
        """Return the same, with when its phone will be full."""
        return self._replace(tile=self.tile.model_copy(update={"ready": ready}))


def find(row: Row, raw: RawCharger, environment: Environment) -> Found:
    """Return a charger's tile, without since when its light is what it is.

    Raises:
        DirectoryAbsentError: The directory is not in Redis.
    """
    entry = decode_registration(raw.entry, is_complete=raw.is_complete)
    presence = decode_charger_presence(raw.presence)
    if presence is not None and not (
        presence.left is None and environment.is_alive(presence.gateway)
    ):
        presence = None
    level = _level(decode_live(raw.live), entry)
    status = decode_status(raw.status, entry.pairing) if entry and entry.widget else None
    tile = Tile(
        charger=row.charger,
        label=row.label,
        booth=row.booth,
        location=row.location,
        widget=entry.widget or None if entry else None,
        rental=_rental(row),
        level=level,
        light=status.data.status if status else None,
        light_since=None,
        ready=None,
        online=presence is not None,
        problem=_problem(row, entry, presence)
        or _silence(raw, entry, presence, level, environment.now),
        pairing_number=entry.pairing if entry else None,
        revision=list(status.revision) if status else None,
    )
    return Found(tile) if status is None else _lit(tile, status)


def _lit(tile: Tile, status: StatusDoorbell) -> Found:
    return Found(tile, status.received_at or 0, status.replaces or None)


def _level(live: LiveState, entry: DirectoryEntry | None) -> float | None:
    # The level of the phone before must not look like that of this one.
    if entry is None or live.revision is None or (entry.widget and live.mark != entry.mark):
        return None
    return live.soc


def _rental(row: Row) -> TileRental | None:
    if row.rental is None or row.opened_at is None:
        return None
    return TileRental(id=row.rental, ticket=row.ticket, opened_at=row.opened_at)


def _problem(
    row: Row, entry: DirectoryEntry | None, presence: ChargerPresence | None
) -> TileProblem | None:
    if entry is None:
        return TileProblem.NOT_IN_EFFECT
    return TileProblem.OFFLINE if presence is None and row.rental is not None else None


def _silence(
    raw: RawCharger,
    entry: DirectoryEntry | None,
    presence: ChargerPresence | None,
    level: float | None,
    now: int,
) -> TileProblem | None:
    """Return what is wrong with the level of a charger that is connected."""
    if entry is None or presence is None:
        return None
    if raw.pending is not None and now - score_to_us(raw.pending) > _WAITING_US:
        return TileProblem.WAITING
    if entry.widget and level is None and now - max(entry.paired_at, presence.since) > _SILENT_US:
        return TileProblem.NO_READING
    return None


def reached_at(row: Row, tile: Tile) -> datetime | None:
    """Return when the light became what it is, as the rental says; None: it does not."""
    if row.rental is None or tile.widget is None or row.rented_widget != tile.widget:
        return None
    match tile.light:
        case ChargingStatus.CHARGED:
            return row.reached_100_at
        case ChargingStatus.CHARGING80:
            return row.reached_80_at
        case _:
            return None


def light_since(
    row: Row, found: Found, change: LightChange | None, known: Tile | None
) -> datetime | None:
    """Return since when a tile's light is what it is; None: it is dark, or that is not known.

    Args:
        row: What Postgres knows.
        found: The tile.
        change: The newest change of the light that was heard of since the tile was known.
        known: The tile before; None: there was none.
    """
    tile = found.tile
    if tile.light is None:
        return None
    seen = known is not None and known.pairing_number == tile.pairing_number
    if seen and known is not None and known.light is tile.light and known.light_since is not None:
        return known.light_since
    is_this = change is not None and (change.fence[0], change.light) == (
        tile.pairing_number,
        tile.light,
    )
    if is_this and change is not None and change.at:
        return to_datetime(change.at)
    if (reached := reached_at(row, tile)) is not None:
        return reached
    # It changed since we looked, and the doorbell was lost: with this reading at the latest.
    has_changed = seen and known is not None and known.light is not tile.light
    return to_datetime(found.received_at) if has_changed and found.received_at else None
