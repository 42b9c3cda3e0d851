"""What a connector's setting makes of what is not a state of charge: full, not full, or nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.gateway.chargers.readings import MAXIMUM, MINIMUM
from services.gateway.ocpp.charger_clock import is_late
from services.gateway.ocpp.full_when.energy import Measured
from services.gateway.ocpp.messages import Anything, text
from services.gateway.ocpp.turn import Now
from shared.contract.connectors import MOST_CONNECTORS
from shared.contract.full_when import REPORTED, SUSPENDED, is_full_when, minutes_without_energy

FULL: Final = MAXIMUM
NOT_FULL: Final = MINIMUM
"""A level that lights red whatever the thresholds are, as `FULL` lights green."""

_LEVELS: Final = {"Charging": NOT_FULL, "SuspendedEV": FULL}
"""Of all other states nothing is known: the vehicle is not there, or is not allowed to charge."""


class _Moment(NamedTuple):
    """When a meter was read: by the charger's clock, which may be set, and when that was heard."""

    stamp: float
    heard: float

    def seconds_since(self, other: "_Moment") -> float:
        """Return how long after another one it is, at least."""
        return min(self.stamp - other.stamp, self.heard - other.heard)


@dataclass(slots=True)
class _Meter:
    """A connector's meter in one transaction."""

    transaction: str
    watt_hours: float
    read: _Moment
    """The last time."""
    since: _Moment
    """Since when it has stood still, at the latest."""
    has_risen: bool = False


@dataclass(slots=True, eq=False, repr=False)
class FullRules:
    """The settings of a charger's connectors, and what was seen of these on this connection.

    Attributes:
        settings: Of each connector that has another one than `REPORTED`.
    """

    settings: dict[int, str] = field(default_factory=dict)
    _states: dict[int, str] = field(default_factory=dict)
    _stated_at: dict[int, float] = field(default_factory=dict)  # what these say of themselves
    _meters: dict[int, _Meter] = field(default_factory=dict)

    def use(self, settings: Mapping[int, str]) -> set[int]:
        """Use the settings of all connectors; return those that have another one than before.

        One that cannot be read was written by a newer registry, or by hand: it counts for nothing.
        """
        wanted = {
            number: setting
            for number, setting in settings.items()
            if setting != REPORTED and is_full_when(setting)
        }
        before, self.settings = self.settings, wanted
        return {c for c in before | wanted if before.get(c) != wanted.get(c)}

    def forget(self) -> None:
        """Forget what was seen: the charger starts again."""
        self._states.clear()
        self._stated_at.clear()
        self._meters.clear()

    def on_state(self, connector: int | None, state: Anything, at: float, now: Now) -> bool:
        """Note the state of a connector (2.x: of what it charges); return whether it counts.

        After an outage a charger may say how it is now before it sends its queue, in which the
        states are those of the visitor before: what is late must be the newest by its own time.
        """
        if connector is None or not 1 <= connector <= MOST_CONNECTORS:
            return False
        newest = self._stated_at.get(connector, at)
        if at < newest and is_late(at, now):
            return False
        self._stated_at[connector] = max(at, newest)
        self._states[connector] = text(state)
        return True

    def goes_by_state(self, connector: int | None) -> bool:
        """Whether the state of a connector is what counts."""
        return connector is not None and self.settings.get(connector) == SUSPENDED

    @property
    def without_state(self) -> set[int]:
        """Connectors whose state would count, and has not come."""
        return {c for c in self.settings if self.goes_by_state(c) and c not in self._states}

    def on_measured(self, connector: int, transaction: str, measured: Measured, now: Now) -> None:
        """Note what a connector's meter says; outside a transaction (empty) it says nothing."""
        if not transaction:
            self._meters.pop(connector, None)
            return
        watt_hours, meter = measured.watt_hours, self._meters.get(connector)
        if watt_hours is None:
            return
        read = _Moment(now.utc if measured.stamp is None else measured.stamp, now.clock)
        if meter is None or meter.transaction != transaction or watt_hours < meter.watt_hours:
            self._meters[connector] = _Meter(transaction, watt_hours, read, read)
        elif read.stamp >= meter.read.stamp:
            meter.read = read
            if watt_hours > meter.watt_hours:
                meter.watt_hours, meter.since, meter.has_risen = watt_hours, read, True

    def level(self, connector: int) -> float | None:
        """Return the level that counts by a connector's setting; None: it says nothing."""
        setting = self.settings.get(connector, REPORTED)
        if setting == SUSPENDED:
            return _LEVELS.get(self._states.get(connector, ""))
        minutes, meter = minutes_without_energy(setting), self._meters.get(connector)
        if minutes is None or meter is None:
            return None
        if meter.read.seconds_since(meter.since) >= minutes * 60:
            return FULL
        return NOT_FULL if meter.has_risen else None
