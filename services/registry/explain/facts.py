"""All that is known of a pair when its light is explained."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.registry.devices.open_rentals import OpenRental
from services.registry.kind import Kind
from services.registry.live.state import ChargerState, WidgetState
from shared.redis_state.values import DirectoryEntry


class Recorded(NamedTuple):
    """A device as Postgres has it."""

    number: int
    partner: str | None
    """Whom it is paired with."""


@dataclass(frozen=True, slots=True)
class OfPostgres:
    """What Postgres says."""

    device: Recorded | None
    """None: not registered."""
    rental: OpenRental | None


@dataclass(frozen=True, slots=True)
class OfCharger:
    """What Redis says of a charger."""

    entry: DirectoryEntry
    state: ChargerState
    partition: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one device, and of the other one of its pair."""

    kind: Kind
    id: str
    """Which device was asked about."""
    now: datetime
    """By Redis' clock."""
    charger: OfCharger | None
    """None: not registered, as far as Redis knows; or there is none."""
    widget: WidgetState | None
    """Likewise."""
    postgres: OfPostgres | None
    """None: Postgres is away."""
