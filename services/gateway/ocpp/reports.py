"""What a charger reports: its state, its transactions, and the state of charge in both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from services.gateway.ocpp import replies
from services.gateway.ocpp.charger_clock import LATE_SECONDS, ChargerClock
from services.gateway.ocpp.known import Known
from services.gateway.ocpp.messages import (
    Anything,
    BootNotification,
    MeterValue,
    MeterValues,
    StartTransaction,
    StatusNotification,
    StopTransaction,
    TransactionEvent,
    read,
)
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.samples import newest_sample
from services.gateway.ocpp.timestamps import read_timestamp
from services.gateway.ocpp.transactions import Transactions
from services.gateway.ocpp.turn import Now, Reading, Turn
from shared.contract.connectors import MOST_CONNECTORS
from shared.contract.presence import OcppNote as Note

_ENDED: Final = "Ended"
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
    _sampled_at: dict[int, float] = field(default_factory=dict)  # the newest reading of each

    def note_stored(self, sampled_at: Mapping[int, float]) -> None:
        """Note when the readings that are stored were sampled: older ones change nothing."""
        for connector, at in sampled_at.items():
            self._sampled_at[connector] = max(at, self._sampled_at.get(connector, at))

    def on_boot(self, payload: msgspec.Raw) -> None:
        """Take what a charger says of itself."""
        boot = read(payload, BootNotification)
        if boot is None:
            self._note_malformed("BootNotification")
        else:
            self.known.note_boot(boot)

    def on_status(self, payload: msgspec.Raw, now: Now) -> None:
        """Take the state of a connector."""
        status = read(payload, StatusNotification)
        if status is None:
            self._note_malformed("StatusNotification")
            return
        self.clock.note(read_timestamp(status.timestamp), now)
        if self.version is Version.V16:
            self.known.note_state(status.connector_id, status.status)
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
        is_charging = _is_id(said.transaction_id) or self.transactions.is_charging(connector)
        self._read_samples(said.meter_value, connector, arrival, is_charging=is_charging)
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
        self.clock.note(read_timestamp(stop.timestamp), arrival.now)
        connector = self.transactions.end(str(stop.transaction_id))
        self._read_samples(stop.transaction_data, connector, arrival, is_charging=True)
        return replies.stop_reply()

    def _on_event(self, payload: msgspec.Raw, arrival: _Arrival) -> bytes:
        event = read(payload, TransactionEvent)
        if event is None:
            self._note_malformed("TransactionEvent")
            return replies.EMPTY
        self.clock.note(read_timestamp(event.timestamp), arrival.now)
        info, evse = event.transaction_info, event.evse
        connector = evse.id if evse is not None else None
        if info is not None:
            is_end = event.event_type == _ENDED
            if which := str(info.transaction_id or ""):
                connector = self.transactions.follow(which, connector, is_end=is_end)
            self.known.note_state(connector, info.charging_state)
        self._read_samples(
            event.meter_value,
            connector,
            arrival,
            is_charging=True,
            is_offline=event.offline is True,
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
    ) -> None:
        found = newest_sample(meter_values, zero_counts=is_charging)
        if found.mistake:
            self.known.note(Note.UNUSABLE_SOC, found.mistake)
        if (sample := found.sample) is None:
            return
        now, triggered_at = arrival.now, arrival.triggered_at.get(connector or 0)
        at = self.clock.sampled_at(sample, now, triggered_at=triggered_at, is_offline=is_offline)
        if connector is None or not 1 <= connector <= MOST_CONNECTORS:
            which = "an unknown transaction" if connector is None else f"connector {connector}"
            self.known.note(Note.NO_CONNECTOR, f"a state of charge is of {which}")
            return
        self.known.note_reporting(connector)
        self._note_time(at, now)
        if at is not None and at >= self._sampled_at.get(connector, at):
            self._sampled_at[connector] = at
            self._put(Reading(connector, sample.level, at), arrival.turn)

    def _note_time(self, sampled_at: float | None, now: Now) -> None:
        if self.clock.offset > LATE_SECONDS:
            self.known.note(Note.WRONG_CLOCK, f"{self.clock.offset / 60:.0f} minutes behind")
        else:
            self.known.forget(Note.WRONG_CLOCK)
        if sampled_at is None or now.clock - sampled_at > LATE_SECONDS:
            self.known.note(Note.LATE, "a state of charge came more than a minute late")

    def _put(self, reading: Reading, turn: Turn) -> None:
        """Put a reading in place of an older one, if several messages are read at once."""
        turn.readings = [r for r in turn.readings if r.connector != reading.connector] + [reading]

    def _note_malformed(self, action: str) -> None:
        self.known.note(Note.MALFORMED, f"{action} has a member of a wrong kind")


def _is_id(transaction_id: Anything) -> bool:
    """Whether a message of 1.6 names a transaction; for none, some send -1 or the greatest."""
    return isinstance(transaction_id, int) and 0 < transaction_id < _NO_ID
