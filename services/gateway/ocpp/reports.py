"""What a charger reports: its state, its transactions, and the state of charge in both."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from services.gateway.ocpp import replies
from services.gateway.ocpp.charger_clock import LATE_SECONDS, ChargerClock, is_late
from services.gateway.ocpp.full_when.energy import newest_measured
from services.gateway.ocpp.full_when.rules import FullRules
from services.gateway.ocpp.known import Known
from services.gateway.ocpp.messages import (
    Anything,
    BootNotification,
    MeterValue,
    MeterValues,
    SampledValue,
    StartTransaction,
    StatusNotification,
    StopTransaction,
    TransactionEvent,
    read,
)
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.samples import Sample, newest_sample
from services.gateway.ocpp.timestamps import read_timestamp
from services.gateway.ocpp.transactions import Transactions
from services.gateway.ocpp.turn import Now, Reading, Turn
from shared.contract.connectors import MOST_CONNECTORS
from shared.contract.presence import OcppNote as Note

_ENDED: Final = "Ended"
_SAME_SECONDS: Final = 0.1
"""Of two samples with the same time of their own, the later message counts. Times by the context's
clock differ a little then: it and the wall clock are read one after the other."""
_UNNAMED: Final = "?"
"""The transaction that is open, where a message does not name it."""
_NO_ID: Final = 1 << 53
"""The hub's own ids are seconds since 1970."""


@dataclass(slots=True, eq=False, repr=False)
class _Arrival:
    """A message with a report, and what is needed to read it."""

    now: Now
    triggered_at: Mapping[int, float]
    turn: Turn


@dataclass(slots=True, eq=False, repr=False)
class Reports:
    """What the reports of one connection need of those before."""

    version: Version
    known: Known
    transactions: Transactions = field(default_factory=Transactions)
    clock: ChargerClock = field(default_factory=ChargerClock)
    rules: FullRules = field(default_factory=FullRules)
    _sampled_at: dict[int, float] = field(default_factory=dict)  # the newest reading of each
    _set_at: dict[int, float] = field(default_factory=dict)  # the same, of those by settings here

    def note_stored(self, sampled_at: Mapping[int, float]) -> None:
        """Note when the readings that are stored were sampled: older ones change nothing."""
        for connector, at in sampled_at.items():
            self._sampled_at[connector] = max(at, self._sampled_at.get(connector, at))

    def on_boot(self, payload: msgspec.Raw) -> None:
        """Take what a charger says of itself."""
        self.rules.forget()
        boot = read(payload, BootNotification)
        if boot is None:
            self._note_malformed("BootNotification")
        else:
            self.known.note_boot(boot)

    def on_settings(self, settings: Mapping[int, str]) -> set[int]:
        """Take what counts as full, of each connector; return those where that changed."""
        changed = self.rules.use(settings)
        if changed:
            self.known.full_when, self.known.has_news = dict(self.rules.settings), True
            self.known.by_setting &= self.rules.settings.keys()
            for connector in self.known.reporting & self.rules.settings.keys():
                self.transactions.note_level(connector)
        return changed

    def on_status(self, payload: msgspec.Raw, now: Now, turn: Turn) -> None:
        """Take the state of a connector."""
        status = read(payload, StatusNotification)
        if status is None:
            self._note_malformed("StatusNotification")
            return
        stamp = read_timestamp(status.timestamp)
        self.clock.note(stamp, now)
        if self.version is Version.V16:
            connector, at = status.connector_id, self.clock.said_at(stamp, now)
            self.known.note_state(connector, status.status)
            counts = self.rules.on_state(connector, status.status, at, now)
            if counts and self.rules.goes_by_state(connector):
                self._go_by_setting(connector, at, turn)
        else:
            self.known.note_state(status.evse_id, status.connector_status)

    def on_report(
        self,
        action: str,
        payload: msgspec.Raw,
        now: Now,
        triggered_at: Mapping[int, float],
        turn: Turn,
    ) -> bytes:
        """Take a report; return its receipt."""
        arrival = _Arrival(now, triggered_at, turn)
        match action:
            case "MeterValues":
                return self._on_meter_values(payload, arrival)
            case "StartTransaction":
                return self._on_start(payload, now)
            case "StopTransaction":
                return self._on_stop(payload, arrival)
            case _:
                return self._on_event(payload, arrival)

    def _on_meter_values(self, payload: msgspec.Raw, arrival: _Arrival) -> bytes:
        said = read(payload, MeterValues)
        if said is None:
            self._note_malformed("MeterValues")
            return replies.EMPTY
        connector = said.connector_id if self.version is Version.V16 else said.evse_id
        is_named = _is_id(said.transaction_id)
        which = str(said.transaction_id) if is_named else self.transactions.open_on(connector)
        if not self._read_samples(said.meter_value, connector, arrival, is_charging=bool(which)):
            self._read_meter(said.meter_value, connector, arrival, transaction=which)
        return replies.EMPTY

    def _on_start(self, payload: msgspec.Raw, now: Now) -> bytes:
        start = read(payload, StartTransaction)
        if start is None:
            self._note_malformed("StartTransaction")
            start = StartTransaction()
        self.clock.note(read_timestamp(start.timestamp), now)
        return replies.start_reply(self.transactions.begin(start, now.utc))

    def _on_stop(self, payload: msgspec.Raw, arrival: _Arrival) -> bytes:
        stop = read(payload, StopTransaction)
        if stop is None:
            self._note_malformed("StopTransaction")
            return replies.stop_reply()
        stamp = read_timestamp(stop.timestamp)
        self.clock.note(stamp, arrival.now)
        connector = self.transactions.end(str(stop.transaction_id))
        self._on_end(connector, self.clock.said_at(stamp, arrival.now), arrival.now)
        self._read_samples(stop.transaction_data, connector, arrival, is_charging=True)
        return replies.stop_reply()

    def _on_end(self, connector: int | None, at: float, now: Now) -> bool:
        """Forget the state in a transaction that ended; return whether that is news.

        The end may come late, and again: then the state is that of the next visitor.
        """
        if self.transactions.open_on(connector):
            return False
        return self.rules.on_state(connector, "", at, now)  # the next one is on its way

    def _on_event(self, payload: msgspec.Raw, arrival: _Arrival) -> bytes:
        event = read(payload, TransactionEvent)
        if event is None:
            self._note_malformed("TransactionEvent")
            return replies.EMPTY
        stamp, now = read_timestamp(event.timestamp), arrival.now
        self.clock.note(stamp, now)
        at = self.clock.said_at(stamp, now)
        info, evse = event.transaction_info, event.evse
        connector, which, counts = evse.id if evse is not None else None, "", True
        is_end, is_offline = event.event_type == _ENDED, event.offline is True
        if info is not None:
            if which := str(info.transaction_id or ""):
                connector = self.transactions.follow(which, connector, is_end=is_end)
            self.known.note_state(connector, info.charging_state)
            if is_end:
                counts = self._on_end(connector, at, now)
            elif info.charging_state is not None:
                counts = self.rules.on_state(connector, info.charging_state, at, now)
        has_level = self._read_samples(
            event.meter_value, connector, arrival, is_charging=True, is_offline=is_offline
        )
        if counts and not has_level:
            values = event.meter_value or (MeterValue(event.timestamp, (SampledValue(),)),)
            self._read_meter(
                values,
                connector,
                arrival,
                transaction="" if is_end else which or _UNNAMED,
                is_offline=is_offline,
            )
        return replies.event_reply(has_token=event.id_token is not None)

    def _read_samples(
        self,
        meter_values: tuple[MeterValue, ...] | None,
        connector: int | None,
        arrival: _Arrival,
        *,
        is_charging: bool,
        is_offline: bool = False,
    ) -> bool:
        """Take a state of charge; return whether there is one."""
        found = newest_sample(meter_values, zero_counts=is_charging)
        if found.mistake:
            self.known.note(Note.UNUSABLE_SOC, found.mistake)
        if (sample := found.sample) is None:
            return False
        now, triggered_at = arrival.now, arrival.triggered_at.get(connector or 0)
        at = self.clock.sampled_at(sample, now, triggered_at=triggered_at, is_offline=is_offline)
        if connector is None or not 1 <= connector <= MOST_CONNECTORS:
            which = "an unknown transaction" if connector is None else f"connector {connector}"
            self.known.note(Note.NO_CONNECTOR, f"a state of charge is of {which}")
            return True
        self.known.note_reporting(connector)
        if connector in self.rules.settings:
            self.transactions.note_level(connector)
        self._note_time(at, now)
        if at is None or self._is_past(connector, at, now):
            return True
        # A level by the setting has the time of now, and samples whole seconds: it holds none back.
        if self._is_newest(connector, at):
            self._sampled_at[connector] = at = max(at, self._sampled_at.get(connector, at))
            self._put(Reading(connector, sample.level, at), arrival.turn)
        return True

    def _read_meter(
        self,
        meter_values: Iterable[MeterValue] | None,
        connector: int | None,
        arrival: _Arrival,
        *,
        transaction: str,
        is_offline: bool = False,
    ) -> None:
        """Take what a connector's setting makes of values without a state of charge."""
        if connector not in self.rules.settings or connector is None:
            return
        measured, now = newest_measured(meter_values), arrival.now
        if measured is None:
            return
        sample = Sample(0.0, measured.stamp, measured.is_triggered)
        triggered_at = arrival.triggered_at.get(connector)
        at = self.clock.sampled_at(sample, now, triggered_at=triggered_at, is_offline=is_offline)
        if at is not None and self._is_past(connector, at, now):
            return  # it may be of the visitor before
        self.rules.on_measured(connector, transaction, measured, now)
        if at is not None:
            self._note_time(at, now)
            self._go_by_setting(connector, at, arrival.turn)

    def _go_by_setting(self, connector: int | None, at: float, turn: Turn) -> None:
        """Put the level that a connector's setting calls for, unless it reports its own."""
        if connector is None or connector in self.known.reporting:
            return
        level = self.rules.level(connector)
        if level is None or self.transactions.has_level(connector):
            return
        # Of one connection the newest message counts, whatever the times are: a state has that of
        # its beginning, and the state before may have been confirmed since.
        at = max(at, self._set_at.get(connector, at))
        if self._is_newest(connector, at):
            self._set_at[connector] = at
            self.known.note_by_setting(connector)
            self._put(Reading(connector, level, at), turn)

    def _is_newest(self, connector: int, at: float) -> bool:
        """Whether no newer state of charge is known."""
        return at >= self._sampled_at.get(connector, at) - _SAME_SECONDS

    def _is_past(self, connector: int, at: float, now: Now) -> bool:
        """Whether something is late, and older than a level that is known."""
        newest = max(self._sampled_at.get(connector, at), self._set_at.get(connector, at))
        return at < newest and is_late(at, now)

    def _note_time(self, sampled_at: float | None, now: Now) -> None:
        if self.clock.offset > LATE_SECONDS:
            self.known.note(Note.WRONG_CLOCK, f"{self.clock.offset / 60:.0f} minutes behind")
        else:
            self.known.forget(Note.WRONG_CLOCK)
        if sampled_at is None or is_late(sampled_at, now):
            self.known.note(Note.LATE, "a state of charge came more than a minute late")

    def _put(self, reading: Reading, turn: Turn) -> None:
        """Put a reading in place of an older one, if several messages are read at once."""
        turn.readings = [r for r in turn.readings if r.connector != reading.connector] + [reading]

    def _note_malformed(self, action: str) -> None:
        self.known.note(Note.MALFORMED, f"{action} has a member of a wrong kind")


def _is_id(transaction_id: Anything) -> bool:
    """Whether a message of 1.6 names a transaction; for none, some send -1 or the greatest."""
    return isinstance(transaction_id, int) and 0 < transaction_id < _NO_ID
