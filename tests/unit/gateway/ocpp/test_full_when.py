"""Chargers that know no state of charge: what their setting makes of states and of the meter."""

from typing import Any

import pytest

from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import Turn
from tests.unit.gateway.ocpp.charger import Charger

V2 = (Version.V201, Version.V21)
SUSPENDED = {1: "suspended"}
NO_ENERGY = {1: "no-energy:10"}
RED, GREEN = 0, 100


class Meter(Charger):
    """A charger that reports states and energy.

    Args:
        settings: What counts as full at its connectors.
    """

    def __init__(
        self,
        settings: dict[int, str],
        version: Version = Version.V16,
        transactions: bytes | None = None,
    ) -> None:
        super().__init__(version, admitted=False)
        self.settings(settings)
        self.admit(transactions)

    def state(self, state: str, connector: int = 1, ago: float = 0.0, **more: object) -> Turn:
        """Tell the state of a connector."""
        status = {"connectorId": connector, "status": state, "timestamp": self.time(ago), **more}
        return self.send("StatusNotification", status)

    def count(
        self,
        watt_hours: object,
        *,
        after: float = 0.0,
        ago: float = 0.0,
        connector: int = 1,
        transaction: object = 7,
        **value: object,
    ) -> Turn:
        """Report what the meter says, some seconds later."""
        self.wait(after)
        sampled = {"value": watt_hours, **value}
        sample = {"timestamp": self.time(ago), "sampledValue": [sampled]}
        request = {"connectorId": connector, "transactionId": transaction, "meterValue": [sample]}
        return self.send("MeterValues", request)


def levels(turn: Turn) -> list[tuple[int, float]]:
    return [(reading.connector, reading.level) for reading in turn.readings]


def ages(charger: Charger, turn: Turn) -> list[float]:
    return [round(charger.now.clock - reading.sampled_at) for reading in turn.readings]


# Suspended.


@pytest.mark.parametrize("settings", [{}, {1: "reported"}, {2: "suspended"}, {1: "by magic"}])
def test_without_a_setting_neither_states_nor_energy_are_levels(settings: dict[int, str]) -> None:
    charger = Meter(settings)
    for turn in (
        *(charger.state("Charging"), charger.count(5), charger.state("SuspendedEV")),
        *(charger.count(9, after=60), charger.count(9, after=6000)),
    ):
        assert levels(turn) == []


def test_a_vehicle_that_takes_no_more_is_full_and_one_that_charges_is_not() -> None:
    charger = Meter(SUSPENDED)
    assert levels(charger.state("Available")) == []
    assert levels(charger.state("Preparing")) == []
    assert levels(charger.state("Charging")) == [(1, RED)]
    charger.wait(60)
    assert levels(charger.state("SuspendedEV")) == [(1, GREEN)]
    charger.wait(60)
    assert levels(charger.state("Charging")) == [(1, RED)]


@pytest.mark.parametrize(
    "state", ["SuspendedEVSE", "Finishing", "Faulted", "Available", "suspendedev", 5, None]
)
def test_of_other_states_nothing_is_known(state: Any) -> None:
    charger = Meter(SUSPENDED)
    charger.state("SuspendedEV")
    charger.wait(60)
    assert levels(charger.state(state)) == []
    charger.wait(60)
    assert levels(charger.count(5)) == []


def test_each_sample_says_the_state_again_as_of_then() -> None:
    charger = Meter(SUSPENDED)
    charger.state("SuspendedEV")
    turn = charger.count(5, after=60, ago=1, measurand="Voltage")
    assert (levels(turn), ages(charger, turn)) == ([(1, GREEN)], [1])
    assert len(turn.receipts) == 1


def test_a_transaction_that_stops_takes_its_state_along() -> None:
    charger = Meter(SUSPENDED)
    number = charger.start()
    assert levels(charger.state("SuspendedEV")) == [(1, GREEN)]
    charger.send("StopTransaction", {"transactionId": number})
    assert levels(charger.count(5, after=60, transaction=None)) == []


def test_a_state_that_is_told_late_is_as_old_as_it_says_but_the_newest_message_counts() -> None:
    charger = Meter(SUSPENDED)
    turn = charger.state("Charging", ago=600)
    assert (levels(turn), ages(charger, turn)) == ([(1, RED)], [600])
    charger.count(5, after=60)
    turn = charger.state("SuspendedEV", ago=30)
    assert (levels(turn), ages(charger, turn)) == ([(1, GREEN)], [0])


def test_a_late_state_counts_for_nothing_once_a_newer_one_is_known() -> None:
    charger = Meter(SUSPENDED)
    assert levels(charger.state("Charging")) == [(1, RED)]
    assert levels(charger.state("SuspendedEV", ago=600)) == []
    assert levels(charger.count(5, after=60)) == [(1, RED)]
    charger.wait(0.9)
    charger.state("Charging", timestamp=None)
    assert levels(charger.state("SuspendedEV")) == [(1, GREEN)]  # in whole seconds it is older


@pytest.mark.parametrize("ago", [0, 600])
def test_a_stop_that_comes_late_leaves_the_state_of_the_next_transaction(ago: int) -> None:
    charger = Meter(SUSPENDED)
    number = charger.start()
    charger.wait(60)
    if not ago:
        charger.start()
    charger.state("Charging")
    charger.send("StopTransaction", {"transactionId": number, "timestamp": charger.time(ago)})
    assert levels(charger.count(5, after=60)) == [(1, RED)]


def test_a_state_older_than_what_another_connection_stored_changes_nothing() -> None:
    charger = Charger(admitted=False)
    charger.conversation.on_settings(SUSPENDED, charger.now)
    charger.admit(stored={1: charger.now.clock - 60})
    status = {"connectorId": 1, "status": "SuspendedEV", "timestamp": charger.time(3600)}
    assert levels(charger.send("StatusNotification", status)) == []


def test_each_connector_has_its_own_setting() -> None:
    charger = Meter({2: "suspended"})
    assert levels(charger.state("SuspendedEV", connector=1)) == []
    assert levels(charger.state("SuspendedEV", connector=2)) == [(2, GREEN)]
    for connector in (0, -1, 100):
        assert levels(charger.state("SuspendedEV", connector=connector)) == []


@pytest.mark.parametrize("version", V2)
def test_in_2_x_the_state_is_that_of_the_transaction(version: Version) -> None:
    charger = Meter({2: "suspended"}, version)

    def tell(kind: str, state: str | None, **more: Any) -> Turn:
        charger.wait(60)
        info = {"transactionId": "t1", **({"chargingState": state} if state else {})}
        return charger.event(kind, transactionInfo=info, **more)

    assert levels(tell("Started", "EVConnected", evse={"id": 2})) == []
    assert levels(tell("Updated", "Charging")) == [(2, RED)]
    assert levels(tell("Updated", None)) == [(2, RED)]
    occupied = {"evseId": 2, "connectorId": 1, "connectorStatus": "Occupied"}
    assert levels(charger.send("StatusNotification", occupied)) == []
    turn = tell("Updated", "SuspendedEV")
    assert levels(turn) == [(2, GREEN)]
    assert len(turn.receipts) == 1
    assert levels(tell("Ended", "SuspendedEV")) == []
    assert levels(charger.meter_values(None, connector=2)) == []


@pytest.mark.parametrize("version", V2)
def test_in_2_x_late_events_of_the_visitor_before_count_for_nothing(version: Version) -> None:
    charger = Meter(SUSPENDED, version)

    def tell(kind: str, which: str, state: str, **more: Any) -> Turn:
        info = {"transactionId": which, "chargingState": state}
        return charger.event(kind, transactionInfo=info, evse={"id": 1}, **more)

    tell("Started", "t1", "Charging")
    charger.wait(600)
    queued = charger.time()
    charger.wait(600)
    assert levels(tell("Started", "t2", "Charging")) == [(1, RED)]
    for kind in ("Updated", "Ended"):
        assert levels(tell(kind, "t1", "SuspendedEV", timestamp=queued, offline=True)) == []
        assert levels(charger.event("Updated", "t2")) == [(1, RED)]
    assert levels(tell("Ended", "t1", "SuspendedEV")) == []
    assert levels(charger.event("Updated", "t2")) == [(1, RED)]


# The meter.


def test_a_meter_that_stands_still_for_long_enough_is_full() -> None:
    charger = Meter(NO_ENERGY)
    assert levels(charger.count(100)) == []
    assert levels(charger.count(140, after=60)) == [(1, RED)]
    for _ in range(9):
        assert levels(charger.count(140, after=60)) == [(1, RED)]
    assert levels(charger.count(140, after=60)) == [(1, GREEN)]
    assert levels(charger.count(141, after=60)) == [(1, RED)]


def test_before_it_has_risen_on_a_connection_nothing_is_known_for_so_long() -> None:
    charger = Meter(NO_ENERGY)
    for _ in range(10):
        assert levels(charger.count(140, after=60)) == []
    assert levels(charger.count(140, after=60)) == [(1, GREEN)]


@pytest.mark.parametrize("transaction", [None, -1, 0])
def test_outside_a_transaction_a_meter_stands_still_for_nobody(transaction: object) -> None:
    charger = Meter(NO_ENERGY)
    charger.count(100)
    charger.count(140, after=60)
    assert levels(charger.count(140, after=60, transaction=transaction)) == []
    assert levels(charger.count(140, after=6000, transaction=transaction)) == []
    assert levels(charger.count(140, after=60)) == []


def test_another_transaction_begins_anew() -> None:
    charger = Meter(NO_ENERGY)
    charger.count(140)
    assert levels(charger.count(140, after=6000, transaction=8)) == []
    assert levels(charger.count(140, after=660, transaction=8)) == [(1, GREEN)]


def test_a_transaction_that_is_open_need_not_be_named() -> None:
    charger = Meter(NO_ENERGY)
    charger.start()
    charger.count(140, transaction=-1)
    assert levels(charger.count(140, after=660, transaction=-1)) == [(1, GREEN)]


def test_a_transaction_that_is_not_named_is_another_one_after_the_next_start() -> None:
    charger = Meter(NO_ENERGY)
    number = charger.start()
    charger.count(140, transaction=-1)
    charger.send("StopTransaction", {"transactionId": number})
    charger.wait(60)
    charger.start()
    assert levels(charger.count(140, after=6000, transaction=-1)) == []
    assert levels(charger.count(140, after=600, transaction=-1)) == [(1, GREEN)]


def test_it_is_the_same_whether_it_is_named_or_not() -> None:
    charger = Meter(NO_ENERGY)
    number = charger.start()
    charger.count(140, transaction=number)
    charger.count(140, after=330, transaction=-1)
    assert levels(charger.count(140, after=330, transaction=number)) == [(1, GREEN)]


def test_a_late_sample_of_the_transaction_before_does_not_begin_the_meter_again() -> None:
    charger = Meter(NO_ENERGY)
    charger.count(100, transaction=8)
    charger.count(140, after=1000, transaction=8)
    assert levels(charger.count(90, ago=900, transaction=7)) == []
    assert levels(charger.count(140, after=600, transaction=8)) == [(1, GREEN)]


def test_a_meter_that_was_reset_begins_anew() -> None:
    charger = Meter(NO_ENERGY)
    charger.count(140)
    assert levels(charger.count(3, after=660)) == []


def test_a_clock_that_is_set_makes_no_time_pass() -> None:
    charger = Meter(NO_ENERGY)
    charger.behind = 49 * 60
    charger.count(100)
    charger.count(140, after=60)
    charger.behind = 0
    assert levels(charger.count(140, after=60)) == [(1, RED)]


def test_a_queue_that_is_sent_at_once_makes_no_time_pass() -> None:
    charger = Meter(NO_ENERGY)
    turns = [charger.count(140, ago=60 * minutes) for minutes in range(30, -1, -1)]
    assert not any(map(levels, turns))


def test_a_sample_that_is_sent_again_changes_nothing() -> None:
    charger = Meter(NO_ENERGY)
    charger.count(100)
    charger.count(140, after=60)
    charger.count(100, after=1, ago=61)
    assert levels(charger.count(140, after=59)) == [(1, RED)]


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"unit": "kWh", "value": "0.14"},
        {"unitOfMeasure": {"unit": "Wh", "multiplier": 1}, "value": 14},
    ],
)
def test_energy_comes_in_these_ways(value: dict[str, Any]) -> None:
    charger = Meter(NO_ENERGY)
    charger.count("100")
    assert levels(charger.count(**{"watt_hours": "140", "after": 60, **value})) == [(1, RED)]


@pytest.mark.parametrize(
    "value",
    [
        *({"measurand": "Energy.Active.Export.Register"}, {"measurand": "Voltage"}),
        *({"phase": "L1"}, {"unit": "varh"}, {"unit": 5}, {"value": "much"}, {"value": None}),
        *({"unitOfMeasure": {"multiplier": "x"}}, {"unitOfMeasure": {"multiplier": 99}}),
    ],
)
def test_no_other_value_is_energy(value: dict[str, Any]) -> None:
    charger = Meter(NO_ENERGY)
    charger.count("100")
    assert levels(charger.count(**{"watt_hours": "140", "after": 60, **value})) == []


@pytest.mark.parametrize("version", V2)
def test_in_2_x_energy_comes_with_events(version: Version) -> None:
    charger = Meter({2: "no-energy:10"}, version)

    def tell(kind: str, watt_hours: float, **more: Any) -> Turn:
        charger.wait(330)
        sample = {"timestamp": charger.time(), "sampledValue": [{"value": watt_hours}]}
        request: dict[str, Any] = {"meterValue": [sample], **more}
        return charger.event(kind, **request)

    assert levels(tell("Started", 0, evse={"id": 2})) == []
    assert levels(tell("Updated", 50)) == [(2, RED)]
    assert levels(tell("Updated", 50)) == [(2, RED)]
    assert levels(tell("Updated", 50)) == [(2, GREEN)]
    assert levels(tell("Updated", 50, offline=True, meterValue=[{"sampledValue": [{}]}])) == []
    assert levels(tell("Ended", 50)) == []


# Never both.


@pytest.mark.parametrize("setting", ["suspended", "no-energy:1"])
def test_after_a_state_of_charge_nothing_else_counts_on_this_connection(setting: str) -> None:
    charger = Meter({1: setting})
    assert levels(charger.meter_values(85)) == [(1, 85)]
    assert levels(charger.state("SuspendedEV")) == []
    charger.count(5, after=60)
    assert levels(charger.count(5, after=6000)) == []
    assert levels(charger.meter_values(86)) == [(1, 86)]


def test_a_sample_in_whole_seconds_is_not_held_back_by_the_level_just_before() -> None:
    charger = Meter(SUSPENDED)
    charger.wait(0.9)
    assert levels(charger.state("SuspendedEV", timestamp=None)) == [(1, GREEN)]
    assert levels(charger.meter_values(85)) == [(1, 85)]


def test_a_state_of_charge_that_is_late_is_held_back() -> None:
    charger = Meter(SUSPENDED)
    charger.state("Charging")
    assert levels(charger.meter_values(85, ago=600)) == []


def test_and_not_in_this_transaction_on_the_next_one() -> None:
    charger = Meter(SUSPENDED)
    number = charger.start()
    assert levels(charger.state("Charging")) == [(1, RED)]
    charger.wait(60)
    stored = charger.meter_values(85, transactionId=number).transactions
    assert stored is not None
    charger = Meter(SUSPENDED, transactions=stored)
    assert levels(charger.state("SuspendedEV")) == []
    charger.send("StopTransaction", {"transactionId": number})
    charger.wait(60)
    charger.start()
    assert levels(charger.state("SuspendedEV")) == [(1, GREEN)]


def test_a_setting_that_comes_after_a_state_of_charge_counts_for_nothing_either() -> None:
    charger = Meter({})
    charger.start()
    charger.meter_values(85)
    stored = charger.conversation.on_settings(SUSPENDED, charger.now).transactions
    assert levels(charger.state("SuspendedEV")) == []
    assert levels(Meter(SUSPENDED, transactions=stored).state("SuspendedEV")) == []


def test_zero_outside_a_transaction_is_no_state_of_charge() -> None:
    charger = Meter(SUSPENDED)
    charger.meter_values(0)
    assert levels(charger.state("SuspendedEV")) == [(1, GREEN)]


def test_a_setting_that_is_taken_back_says_nothing_any_more() -> None:
    charger = Meter(SUSPENDED)
    charger.state("Charging")
    assert charger.conversation.known.by_setting == {1}
    charger.settings({1: "reported"})
    assert levels(charger.state("SuspendedEV")) == []
    assert charger.conversation.known.by_setting == set()


# What the hub asks.


def asked(charger: Charger) -> list[Any]:
    """Answer the hub's calls, and return what it triggers."""
    found = []
    while charger.calls:
        _, action, payload = charger.calls[0]
        if action == "TriggerMessage":
            found.append(payload)
        charger.answer({"status": "Accepted"})
    return found


@pytest.mark.parametrize("version", Version)
def test_a_state_that_counts_and_is_not_known_is_asked_for_once(version: Version) -> None:
    charger = Meter({1: "no-energy:5", 2: "suspended"}, version)
    charger.send("Heartbeat")
    what, where = (
        ("StatusNotification", {"connectorId": 2})
        if version is Version.V16
        else ("TransactionEvent", {"evse": {"id": 2}})
    )
    assert asked(charger)[0] == {"requestedMessage": what, **where}
    charger.send("Heartbeat")
    assert asked(charger) == []


def whats(charger: Charger) -> list[str]:
    return [each["requestedMessage"] for each in asked(charger)]


def test_a_state_that_is_known_is_asked_for_when_the_setting_is_made() -> None:
    charger = Meter({2: "suspended"})
    charger.state("SuspendedEV")
    charger.state("Charging", connector=2)
    asked(charger)
    charger.wait(60)
    settings = SUSPENDED | {2: "suspended"}
    charger.settings(settings)
    assert asked(charger) == [{"requestedMessage": "StatusNotification", "connectorId": 1}]
    assert levels(charger.state("SuspendedEV")) == [(1, GREEN)]
    charger.settings(settings)
    assert asked(charger) == []
    charger.settings({})
    charger.settings(SUSPENDED)
    assert asked(charger) == []
    assert charger.conversation.next_at == charger.now.clock + 30


def test_and_after_a_hand_over_but_not_again_at_once() -> None:
    charger = Meter(SUSPENDED)
    charger.state("SuspendedEV")
    asked(charger)
    charger.wait(60)
    charger.ask_again()
    assert whats(charger) == ["StatusNotification", "MeterValues"]
    charger.wait(5)
    charger.ask_again()
    assert whats(charger) == []
    assert charger.conversation.next_at == charger.now.clock + 25
    charger.wait(25)
    charger.timer()
    assert whats(charger) == ["StatusNotification", "MeterValues"]
    assert charger.conversation.next_at is None


def test_what_waited_for_a_command_counts_from_when_it_was_sent() -> None:
    charger = Meter(SUSPENDED)
    charger.state("SuspendedEV")
    asked(charger)
    charger.wait(60)
    charger.command("x1")
    charger.ask_again()
    charger.wait(20)
    assert whats(charger) == ["StatusNotification", "MeterValues"]
    charger.wait(15)
    charger.ask_again()
    assert whats(charger) == []


@pytest.mark.parametrize("settings", [{}, {1: "no-energy:10"}])
def test_a_state_that_does_not_count_is_not_asked_for(settings: dict[int, str]) -> None:
    charger = Meter(settings)
    charger.send("Heartbeat")
    asked(charger)
    charger.wait(60)
    charger.ask_again()
    assert whats(charger) == ["MeterValues"]


def test_a_charger_that_cannot_be_triggered_is_not_asked_again() -> None:
    charger = Meter(SUSPENDED)
    charger.send("Heartbeat")
    while charger.calls:
        charger.ask_again()
        charger.refuse("NotImplemented")
    assert charger.conversation.next_at is None
    charger.wait(60)
    charger.ask_again()
    assert charger.calls == []
    assert charger.conversation.next_at is None


def test_a_charger_that_starts_again_tells_its_state_again() -> None:
    charger = Meter(SUSPENDED)
    charger.state("SuspendedEV")
    asked(charger)
    charger.send("BootNotification")
    assert "StatusNotification" in whats(charger)
    assert levels(charger.count(5, after=60)) == []
    charger.behind = 49 * 60
    assert levels(charger.state("Charging")) == [(1, RED)]


def test_a_meter_is_begun_again_by_a_charger_that_starts_again() -> None:
    charger = Meter(NO_ENERGY)
    charger.count(140)
    charger.send("BootNotification")
    assert levels(charger.count(140, after=6000)) == []


def test_the_answer_to_a_trigger_says_the_state_as_of_now() -> None:
    charger = Meter(SUSPENDED)
    charger.behind = 49 * 60
    charger.state("SuspendedEV")
    asked(charger)
    turn = charger.count(5, after=5, context="Trigger")
    assert (levels(turn), ages(charger, turn)) == ([(1, GREEN)], [5])
