"""What is known of a pair when its light is explained."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.registry.devices.open_rentals import OpenRental
from services.registry.live.redis_values import (
    Environment,
    RawCharger,
    decode_live,
    decode_registration,
    decode_status,
)
from services.registry.live.refused import RefusedHandshake
from services.registry.live.state import ChargerState, WidgetState, charger_state
from shared.contract.device_protocol import ChargingStatus
from shared.contract.devices import Kind
from shared.contract.presence import (
    OcppCharger,
    decode_charger_presence,
    decode_ocpp_charger,
)
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
    calls_for: ChargingStatus | None = None
    """What its reading calls for, by the thresholds that the light was made with; None: not
    known."""
    ocpp: OcppCharger | None = None
    """What its gateway knows of it, if it speaks OCPP."""
    has_unknown_thresholds: bool = False
    """Whether its light is by thresholds newer than any that routers agreed on."""


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


def charger_facts(raw: RawCharger, environment: Environment, partition: int) -> ChargerFacts | None:
    """Return what Redis knows of a charger; None: it is not registered.

    Raises:
        DirectoryAbsentError: The directory is not in Redis.
    """
    entry = decode_registration(raw.entry, is_complete=raw.is_complete)
    state = charger_state(raw, environment)
    if entry is None or state is None:
        return None
    live, status = decode_live(raw.live), decode_status(raw.status, entry.pairing)
    thresholds = environment.thresholds.get(status.thresholds) if status else None
    calls_for = thresholds.status_of(live.soc) if thresholds and live.revision else None
    agreed = environment.thresholds
    is_unknown = status is not None and bool(agreed) and status.thresholds > max(agreed)
    presence, ocpp = decode_charger_presence(raw.presence), decode_ocpp_charger(raw.ocpp)
    if presence is None or ocpp is None or presence.epoch != ocpp.epoch:
        ocpp = None  # of a connection before the present one
    return ChargerFacts(entry, state, partition, live.mark, calls_for, ocpp, is_unknown)
