"""What is known of a pair when its light is explained."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registry.devices.open_rentals import OpenRental
from services.registry.live.refused import RefusedHandshake
from services.registry.live.state import ChargerState, WidgetState
from shared.contract.devices import Kind
from shared.redis_state.values import DirectoryEntry


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    """What Postgres knows of a device."""

    number: int | None
    """The device's pairing number; None: not registered."""
    rental: OpenRental | None
    similar: str | None = None
    """A registered id that differs only in capitals; None: there is none, or it is registered."""


@dataclass(frozen=True, slots=True)
class ChargerFacts:
    """What Redis knows of a charger."""

    entry: DirectoryEntry
    state: ChargerState
    partition: int
    mark: str
    """Of its reading: which pairing the reading belongs to; empty if that is not known."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a device and of its partner."""

    kind: Kind
    id: str
    """The device in question."""
    now: datetime
    """By Redis' clock."""
    charger: ChargerFacts | None
    """None: Redis knows no such charger, or the widget is not paired."""
    widget: WidgetState | None
    """None: Redis knows no such widget, or the charger is not paired."""
    postgres: PostgresFacts | None
    """None: Postgres is away."""
    unreadable: Sequence[str] = ()
    """What is in Redis and cannot be read, in words."""
    refused: Sequence[RefusedHandshake] = ()
    """Who could not connect lately, the newest first."""
