"""What chargers were seen to do, and what becomes of it."""

import json

import pytest

from services.gateway.ocpp.frames import MAX_MESSAGE_BYTES
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import Now, Turn
from shared.contract.presence import OcppNote as Note
from tests.unit.gateway.ocpp.charger import BEGAN, Charger

V2 = (Version.V201, Version.V21)


def levels(turn: Turn) -> list[tuple[int, float]]:
    return [(reading.connector, reading.level) for reading in turn.readings]


def ages(charger: Charger, turn: Turn) -> list[float]:
    return [round(charger.now.clock - reading.sampled_at) for reading in turn.readings]


@pytest.mark.parametrize(("level", "expected"), [("28", 28), ("50.0", 50), ("44.00", 44), (7, 7)])
@pytest.mark.parametrize("version", Version)
def test_a_level_comes_as_text_or_a_number(
    version: Version, level: object, expected: float
) -> None:
    assert levels(Charger(version).meter_values(level)) == [(1, expected)]


def test_a_state_instead_of_a_level_is_named() -> None:
    charger = Charger()
    values = [{"value": "Charging", "measurand": "SoCState"}]
    sample = {"timestamp": charger.time(), "sampledValue": values}
    turn = charger.send("MeterValues", {"connectorId": 1, "meterValue": [sample]})
    assert levels(turn) == []
    assert len(turn.receipts) == 1
    assert charger.conversation.known.notes == {"unusable_soc": "measurand SoCState is not SoC"}


def test_an_end_may_carry_its_begin_too() -> None:
    charger = Charger(Version.V201)
    charger.event("Started", evse={"id": 1})
    turn = charger.event("Ended", meterValue=charger.samples((3600, 50), (0, 6)))
    assert levels(turn) == [(1, 6)]


@pytest.mark.parametrize("version", V2)
def test_2_x_names_the_evse_in_the_first_event_only(version: Version) -> None:
    charger = Charger(version)
    stored = charger.event("Started", evse={"id": 2}).transactions
    turn = charger.event("Updated", meterValue=charger.samples((0, 28)))
    assert levels(turn) == [(2, 28)]
    assert turn.transactions is None
    # On the next gateway too.
    charger = Charger(version, admitted=False)
    charger.event("Updated", meterValue=charger.samples((0, 29)))
    assert levels(charger.admit(stored)) == [(2, 29)]


@pytest.mark.parametrize("transaction_id", [7, "t" * 99])
def test_an_id_of_another_kind_or_length_is_an_id(transaction_id: object) -> None:
    charger = Charger(Version.V201)
    info = {"transactionId": transaction_id}
    charger.event("Started", evse={"id": 2}, transactionInfo=info)
    turn = charger.event("Updated", transactionInfo=info, meterValue=charger.samples((0, 28)))
    assert levels(turn) == [(2, 28)]


def test_an_event_without_an_id_is_of_the_evse_that_it_names() -> None:
    charger = Charger(Version.V201)
    for evse in (1, 2):
        samples = charger.samples((0, 28))
        turn = charger.event("Updated", transactionInfo={}, evse={"id": evse}, meterValue=samples)
        assert levels(turn) == [(evse, 28)]
        assert turn.transactions is None
    turn = charger.event("Updated", transactionInfo={}, meterValue=charger.samples((0, 28)))
    assert levels(turn) == []


def test_a_transaction_that_nobody_knows_lights_nothing() -> None:
    charger = Charger(Version.V201)
    turn = charger.event("Updated", meterValue=charger.samples((0, 28)))
    assert levels(turn) == []
    assert len(turn.receipts) == 1
    note = charger.conversation.known.notes
    assert note == {"no_connector": "a state of charge is of an unknown transaction"}


def test_values_after_the_stop_are_a_reading_and_revive_nothing() -> None:
    charger = Charger()
    number = charger.start()
    charger.send("StopTransaction", {"transactionId": number})
    charger.wait(5)
    turn = charger.meter_values(80, transactionId=number)
    assert levels(turn) == [(1, 80)]
    assert turn.transactions is None
    charger.wait(5)
    assert levels(charger.meter_values(0)) == []


def test_connector_0_in_between_lights_nothing() -> None:
    charger = Charger()
    assert levels(charger.meter_values(28)) == [(1, 28)]
    charger.wait(5)
    turn = charger.meter_values(100, connector=0)
    assert levels(turn) == []
    assert len(turn.receipts) == 1
    charger.wait(5)
    assert levels(charger.meter_values(29)) == [(1, 29)]


@pytest.mark.parametrize("connector", [-1, 100, 2**63 - 1, 2**70])
def test_a_connector_that_cannot_be_lights_nothing(connector: int) -> None:
    charger = Charger()
    assert levels(charger.meter_values(28, connector=connector)) == []
    assert "no_connector" in charger.conversation.known.notes


@pytest.mark.parametrize("transaction_id", [-1, 0, 2**63 - 1, None, "x", 2**70])
def test_1_6_goes_by_the_connector(transaction_id: object) -> None:
    charger = Charger()
    assert levels(charger.meter_values(28, connector=2, transactionId=transaction_id)) == [(2, 28)]


@pytest.mark.parametrize("transaction_id", [-1, 0, 2**63 - 1, None])
def test_zero_without_a_transaction_means_unknown(transaction_id: object) -> None:
    charger = Charger()
    assert levels(charger.meter_values("0", transactionId=transaction_id)) == []
    assert charger.conversation.known.notes == {}


def test_zero_in_a_transaction_is_a_level() -> None:
    charger = Charger()
    assert levels(charger.meter_values("0", transactionId=1_796_000_000)) == [(1, 0)]
    charger = Charger()
    number = charger.start()
    assert levels(charger.meter_values("0")) == [(1, 0)]
    charger.wait(5)
    assert levels(charger.meter_values("0", transactionId=number)) == [(1, 0)]
    assert levels(charger.meter_values("0", connector=2)) == []
    charger = Charger(Version.V201)
    turn = charger.event("Started", evse={"id": 1}, meterValue=charger.samples((0, 0)))
    assert levels(turn) == [(1, 0)]
    charger.wait(5)
    assert levels(charger.meter_values(0)) == [(1, 0)]


@pytest.mark.parametrize("message_id", ["same", ""])
def test_a_retry_is_answered_again(message_id: str) -> None:
    charger = Charger()
    for _ in range(3):
        turn = charger.meter_values(28, ago=1)
        assert len(turn.receipts) == 1
    for _ in range(2):
        assert len(charger.send("Heartbeat", message_id=message_id).replies) == 1


def test_a_start_that_is_sent_again_has_the_same_id() -> None:
    charger = Charger()
    sent_at = charger.time()
    number = charger.start(timestamp=sent_at)
    charger.wait(60)
    assert charger.start(timestamp=sent_at) == number
    assert charger.start() == number + 60


def test_it_has_the_same_id_from_the_next_gateway() -> None:
    charger = Charger()
    request = {"connectorId": 1, "idTag": "x", "meterStart": 0, "timestamp": charger.time()}
    turn = charger.send("StartTransaction", request)
    number = json.loads(turn.receipts[0])[2]["transactionId"]
    after = Charger(admitted=False)
    after.wait(60)
    assert not after.send("StartTransaction", request).receipts
    (receipt,) = after.admit(turn.transactions).receipts
    assert json.loads(receipt)[2]["transactionId"] == number


def test_with_an_emptied_redis_an_id_is_the_time() -> None:
    charger = Charger(admitted=False)
    charger.send("StartTransaction", {"connectorId": 1})
    (receipt,) = charger.admit(None).receipts
    assert json.loads(receipt)[2]["transactionId"] == int(BEGAN.utc)


def test_a_clock_49_minutes_behind_keeps_neither_connector_dark() -> None:
    charger = Charger()
    charger.behind = 49 * 60
    charger.meter_values(28, connector=1)
    charger.meter_values(50, connector=2)
    assert "late" in charger.conversation.known.notes
    charger.wait(30)
    turns = charger.meter_values(29, connector=1), charger.meter_values(51, connector=2)
    assert [levels(turn) for turn in turns] == [[(1, 29)], [(2, 51)]]
    assert [ages(charger, turn) for turn in turns] == [[0], [0]]
    assert charger.conversation.known.notes[Note.WRONG_CLOCK] == "49 minutes behind"
    charger.behind = 0
    charger.wait(30)
    assert charger.meter_values(30).has_news
    assert Note.WRONG_CLOCK not in charger.conversation.known.notes


def test_the_answer_to_a_trigger_shows_the_wrong_clock_at_once() -> None:
    charger = Charger()
    charger.behind = 49 * 60
    assert ages(charger, charger.meter_values(28)) == [49 * 60]
    charger.ask_again()
    charger.answer({"status": "Accepted"})
    turn = charger.meter_values(28, context="Trigger")
    assert (levels(turn), ages(charger, turn)) == ([(1, 28)], [0])


def test_a_queue_that_is_sent_after_an_outage_is_as_old_as_it_is() -> None:
    charger = Charger()
    sent = [charger.meter_values(20 + n, ago=300 - 10 * n) for n in range(5)]
    assert [ages(charger, turn) for turn in sent] == [[300], [290], [280], [270], [260]]


def test_an_event_without_a_connection_and_a_time_lights_nothing() -> None:
    charger = Charger(Version.V201)
    charger.event("Started", evse={"id": 1})
    samples = [{"sampledValue": [{"value": 28, "measurand": "SoC"}]}]
    turn = charger.event("Updated", offline=True, meterValue=samples)
    assert levels(turn) == []
    assert len(turn.receipts) == 1


@pytest.mark.parametrize("time", ["1970-01-01T00:03:00Z", "soon", None])
def test_a_time_that_says_nothing_is_that_of_receipt(time: object) -> None:
    charger = Charger()
    values = [{"value": "28", "measurand": "SoC"}]
    sample = {"timestamp": time, "sampledValue": values}
    turn = charger.send("MeterValues", {"connectorId": 1, "meterValue": [sample]})
    assert (levels(turn), ages(charger, turn)) == ([(1, 28)], [0])


def test_of_two_samples_from_the_same_time_the_later_message_counts() -> None:
    charger = Charger()
    # The second time the two clocks are read a moment further apart.
    for level, apart in ((79.0, 0.0), (80.0, 0.001), (81.0, 0.002)):
        charger.now = Now(charger.now.clock, BEGAN.utc + apart)
        assert levels(charger.meter_values(level, ago=apart)) == [(1, level)]


def test_a_sample_older_than_the_stored_one_has_a_receipt_and_is_not_stored() -> None:
    charger = Charger()
    assert levels(charger.meter_values(50)) == [(1, 50)]
    turn = charger.meter_values(20, ago=300)
    assert levels(turn) == []
    assert len(turn.receipts) == 1
    assert levels(charger.meter_values(20, ago=300, connector=2)) == [(2, 20)]


def test_what_another_connection_stored_counts_too() -> None:
    charger = Charger(admitted=False)
    charger.meter_values(20, ago=300)
    charger.meter_values(21, ago=300, connector=2)
    turn = charger.admit(stored={1: charger.now.clock - 10, 2: charger.now.clock - 600})
    assert levels(turn) == [(2, 21)]
    assert len(turn.receipts) == 2


def test_what_this_connection_reported_counts_when_it_is_admitted_again() -> None:
    charger = Charger()
    charger.meter_values(50)
    charger.admit(stored={1: charger.now.clock - 600})
    assert levels(charger.meter_values(20, ago=300)) == []


@pytest.mark.parametrize(
    ("version", "action", "more"),
    [
        (Version.V16, "StatusNotification", {"connectorId": 1}),
        (Version.V201, "StatusNotification", {"evseId": 1}),
        (Version.V16, "StartTransaction", {"connectorId": 2}),
        (Version.V16, "StopTransaction", {"transactionId": 5}),
        (Version.V201, "TransactionEvent", {}),
    ],
)
def test_any_time_may_show_that_the_clock_is_right(
    version: Version, action: str, more: dict[str, object]
) -> None:
    charger = Charger(version)
    charger.send(action, {"timestamp": charger.time(), **more})
    for _ in range(3):
        charger.wait(30)
        turn = charger.meter_values(28, ago=300)
        assert ages(charger, turn) == [300]


def test_a_reading_that_was_held_is_as_old_as_when_it_came() -> None:
    charger = Charger(admitted=False)
    charger.meter_values(28, ago=5)
    charger.wait(100)
    turn = charger.admit()
    assert (levels(turn), ages(charger, turn)) == ([(1, 28)], [105])
    assert "late" not in charger.conversation.known.notes


def test_a_long_stop_with_signed_data_is_read() -> None:
    charger = Charger()
    number = charger.start()
    signed = {"value": "OCMF|" + "x" * 1400, "format": "SignedData", "context": "Transaction.End"}
    values = [signed, {"value": "91", "measurand": "SoC"}]
    data = [{"timestamp": charger.time(), "sampledValue": values}]
    turn = charger.send("StopTransaction", {"transactionId": number, "transactionData": data})
    assert levels(turn) == [(1, 91)]
    assert charger.conversation.known.notes == {}


def test_a_long_configuration_is_read() -> None:
    charger = Charger()
    charger.send("Heartbeat")
    keys = [{"key": f"Key{n}", "readonly": True, "value": "x" * 40} for n in range(60)]
    own = {"key": "MeterValuesSampledData", "readonly": False, "value": "Voltage"}
    charger.answer({"configurationKey": [*keys, own]})
    assert charger.calls[0][2] == {"key": "MeterValuesSampledData", "value": "Voltage,SoC"}


def test_a_message_as_long_as_allowed_is_read() -> None:
    charger = Charger()
    assert levels(charger.meter_values(28, x="y" * (MAX_MESSAGE_BYTES - 400))) == [(1, 28)]


def test_news_come_once() -> None:
    charger = Charger()
    assert charger.send("BootNotification", {"chargePointModel": "One"}).has_news
    assert not charger.send("Heartbeat").has_news
    assert charger.meter_values("?").has_news
    assert not charger.meter_values("?").has_news


def test_what_is_shown_of_a_charger_is_short_and_printable() -> None:
    charger = Charger()
    charger.send("BootNotification", {"chargePointModel": "One\n\u202e" + "x" * 999})
    model = charger.conversation.known.model
    assert model.startswith("One??x")
    assert len(model) == 50
