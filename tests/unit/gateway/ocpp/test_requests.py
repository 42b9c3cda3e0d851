"""The table of requests, by version. Every answer is checked by the schemas of its version."""

import json

import pytest

from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import Turn
from tests.unit.gateway.ocpp.charger import Charger

V2 = (Version.V201, Version.V21)
BOOT = {"chargePointVendor": "Volt", "chargePointModel": "One", "firmwareVersion": "1.2"}
BOOT_2 = {
    "reason": "PowerUp",
    "chargingStation": {"vendorName": "Volt", "model": "One", "firmwareVersion": "1.2"},
}


def payload_of(frame: bytes) -> object:
    return json.loads(frame)[2]


def code_of(turn: Turn) -> str:
    (reply,) = turn.replies
    kind, _, code, *_ = json.loads(reply)
    assert kind == 4
    assert not turn.receipts
    return str(code)


@pytest.mark.parametrize(
    ("version", "boot"), [(Version.V16, BOOT), *((each, BOOT_2) for each in V2)]
)
def test_a_boot_is_accepted_with_the_time_and_an_interval(version: Version, boot: object) -> None:
    charger = Charger(version)
    (reply,) = charger.send("BootNotification", boot).replies
    expected = {"status": "Accepted", "currentTime": "2026-11-30T10:00:00Z", "interval": 300}
    assert payload_of(reply) == expected
    known = charger.conversation.known
    assert (known.vendor, known.model, known.firmware) == ("Volt", "One", "1.2")


@pytest.mark.parametrize("version", Version)
def test_a_boot_is_answered_once_there_is_an_epoch_with_the_time_of_then(version: Version) -> None:
    charger = Charger(version, admitted=False)
    turn = charger.send("BootNotification", BOOT)
    assert not turn.replies
    assert not turn.receipts
    charger.wait(20)
    (reply,) = charger.admit().replies
    assert json.loads(reply)[2]["currentTime"] == "2026-11-30T10:00:20Z"


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize("admitted", [True, False])
def test_a_heartbeat_is_always_answered_at_once(version: Version, *, admitted: bool) -> None:
    charger = Charger(version, admitted=admitted)
    (reply,) = charger.send("Heartbeat").replies
    assert payload_of(reply) == {"currentTime": "2026-11-30T10:00:00Z"}


def test_the_state_of_a_connector_is_noted() -> None:
    charger = Charger()
    status = {"connectorId": 2, "errorCode": "NoError", "status": "Charging"}
    turn = charger.send("StatusNotification", status)
    assert payload_of(turn.replies[0]) == {}
    assert turn.has_news
    assert charger.conversation.known.states == {2: "Charging"}
    assert not charger.send("StatusNotification", status).has_news


@pytest.mark.parametrize("version", V2)
def test_in_2_x_an_evse_is_a_connector(version: Version) -> None:
    charger = Charger(version)
    status = {"evseId": 2, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": "x"}
    assert payload_of(charger.send("StatusNotification", status).replies[0]) == {}
    assert charger.conversation.known.states == {2: "Occupied"}


@pytest.mark.parametrize("version", Version)
def test_meter_values_get_a_receipt(version: Version) -> None:
    turn = Charger(version).meter_values(28)
    assert not turn.replies
    assert [payload_of(receipt) for receipt in turn.receipts] == [{}]
    assert [(r.connector, r.level) for r in turn.readings] == [(1, 28)]


def test_a_transaction_that_starts_gets_a_receipt_with_its_id() -> None:
    charger = Charger()
    turn = charger.send("StartTransaction", {"connectorId": 1, "timestamp": charger.time()})
    assert not turn.replies
    (receipt,) = turn.receipts
    assert payload_of(receipt) == {
        "transactionId": int(charger.now.utc),
        "idTagInfo": {"status": "Accepted"},
    }
    assert turn.transactions is not None


def test_a_transaction_that_stops_gets_a_receipt_and_its_data_is_read() -> None:
    charger = Charger()
    number = charger.start(connector=2)
    stop = {"transactionId": number, "meterStop": 5, "timestamp": charger.time()}
    turn = charger.send("StopTransaction", {**stop, "transactionData": charger.samples((0, "81"))})
    assert not turn.replies
    assert [payload_of(each) for each in turn.receipts] == [{"idTagInfo": {"status": "Accepted"}}]
    assert [(r.connector, r.level) for r in turn.readings] == [(2, 81)]


@pytest.mark.parametrize("version", V2)
def test_an_event_of_a_transaction_gets_a_receipt(version: Version) -> None:
    charger = Charger(version)
    turn = charger.event("Started", evse={"id": 2}, meterValue=charger.samples((0, 28)))
    assert not turn.replies
    assert [payload_of(receipt) for receipt in turn.receipts] == [{}]
    assert [(r.connector, r.level) for r in turn.readings] == [(2, 28)]
    turn = charger.event("Updated", idToken={"idToken": "04E1", "type": "ISO14443"})
    (receipt,) = turn.receipts
    assert payload_of(receipt) == {"idTokenInfo": {"status": "Accepted"}}


def test_who_may_charge_is_not_the_hubs_business() -> None:
    (reply,) = Charger().send("Authorize", {"idTag": "04E1"}).replies
    assert payload_of(reply) == {"idTagInfo": {"status": "Accepted"}}
    token = {"idToken": {"idToken": "04E1", "type": "ISO14443"}}
    for version in V2:
        (reply,) = Charger(version).send("Authorize", token).replies
        assert payload_of(reply) == {"idTokenInfo": {"status": "Accepted"}}


@pytest.mark.parametrize("version", Version)
def test_transfers_of_data_are_from_an_unknown_vendor(version: Version) -> None:
    (reply,) = Charger(version).send("DataTransfer", {"vendorId": "Volt"}).replies
    assert payload_of(reply) == {"status": "UnknownVendorId"}


INFORMING = {
    Version.V16: (
        *("FirmwareStatusNotification", "DiagnosticsStatusNotification"),
        *("LogStatusNotification", "SecurityEventNotification"),
        "SignedFirmwareStatusNotification",
    ),
    Version.V201: (
        *("FirmwareStatusNotification", "PublishFirmwareStatusNotification"),
        *("LogStatusNotification", "SecurityEventNotification", "NotifyEvent", "NotifyReport"),
        *("NotifyMonitoringReport", "NotifyChargingLimit", "NotifyCustomerInformation"),
        *("NotifyDisplayMessages", "ReportChargingProfiles"),
    ),
}
INFORMING[Version.V21] = (
    *INFORMING[Version.V201],
    *("NotifyDERAlarm", "NotifyDERStartStop", "NotifyPriorityCharging", "NotifySettlement"),
    "ReportDERControl",
)


@pytest.mark.parametrize(
    ("version", "action"), [(version, each) for version in Version for each in INFORMING[version]]
)
def test_what_only_informs_is_heard(version: Version, action: str) -> None:
    (reply,) = Charger(version).send(action).replies
    assert payload_of(reply) == {}


@pytest.mark.parametrize("version", V2)
def test_two_that_inform_want_a_status(version: Version) -> None:
    # Without one they are not valid.
    charger = Charger(version)
    (reply,) = charger.send("NotifyEVChargingNeeds").replies
    assert payload_of(reply) == {"status": "Rejected"}
    (reply,) = charger.send("NotifyEVChargingSchedule").replies
    assert payload_of(reply) == {"status": "Accepted"}


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    "action", ["SignCertificate", "Get15118EVCertificate", "GetCertificateStatus"]
)
def test_certificates_are_not_supported(version: Version, action: str) -> None:
    turn = Charger(version).send(action)
    assert code_of(turn) == "NotSupported"
    assert not turn.bad


@pytest.mark.parametrize(
    ("version", "action"),
    [
        *((version, "Reset") for version in Version),
        *((version, "heartbeat") for version in Version),
        *((version, "") for version in Version),
        (Version.V16, "TransactionEvent"),
        (Version.V16, "NotifyEvent"),
        (Version.V201, "StartTransaction"),
        (Version.V201, "DiagnosticsStatusNotification"),
        (Version.V21, "OpenPeriodicEventStream"),
        (Version.V21, "BatterySwap"),
    ],
)
def test_any_other_request_is_not_implemented_and_no_bad_frame(
    version: Version, action: str
) -> None:
    turn = Charger(version).send(action)
    assert code_of(turn) == "NotImplemented"
    assert not turn.bad


# Bad input.


def test_an_unusable_level_in_a_sound_message_has_a_normal_result_and_a_note() -> None:
    charger = Charger()
    turn = charger.meter_values("full")
    assert [payload_of(receipt) for receipt in turn.receipts] == [{}]
    assert not turn.readings
    assert not turn.bad
    assert charger.conversation.known.notes == {"unusable_soc": "SoC is no number"}


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        (Version.V16, "MeterValues", {"connectorId": "one", "meterValue": 5}),
        (Version.V16, "MeterValues", {"connectorId": 1, "meterValue": [5]}),
        (Version.V16, "StartTransaction", {"connectorId": []}),
        (Version.V16, "StopTransaction", {"transactionId": "x"}),
        (Version.V201, "TransactionEvent", {"transactionInfo": "t1", "idToken": {}}),
        (Version.V201, "BootNotification", {"chargingStation": 5}),
        (Version.V16, "StatusNotification", {"connectorId": "x"}),
    ],
)
def test_a_member_of_a_wrong_kind_has_a_normal_result_and_a_note(
    version: Version, action: str, payload: object
) -> None:
    charger = Charger(version)
    turn = charger.send(action, payload)
    assert len(turn.replies) + len(turn.receipts) == 1
    assert not turn.bad
    assert charger.conversation.known.notes == {
        "malformed": f"{action} has a member of a wrong kind"
    }


@pytest.mark.parametrize("version", Version)
def test_an_empty_report_fails_nothing(version: Version) -> None:
    charger = Charger(version)
    actions = ("MeterValues", "StartTransaction", "StopTransaction", "TransactionEvent")
    for action in (*actions, "BootNotification", "StatusNotification"):
        turn = charger.send(action)
        assert len(turn.replies) + len(turn.receipts) == 1
        assert not turn.readings


def test_numbers_may_be_written_as_text() -> None:
    charger = Charger()
    turn = charger.send("MeterValues", {"connectorId": "2", "meterValue": charger.samples((0, 28))})
    assert [(r.connector, r.level) for r in turn.readings] == [(2, 28)]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b'[2,"a","Heartbeat"]', "ProtocolError"),
        (b'[2,7,"Heartbeat",{}]', "ProtocolError"),
        (b'[2,"a","Heartbeat",[]]', "TypeConstraintViolation"),
    ],
)
def test_a_bad_call_is_answered_with_an_error_and_counts(message: bytes, code: str) -> None:
    turn = Charger().raw(message)
    assert code_of(turn) == code
    assert turn.bad


@pytest.mark.parametrize("message", [b"", b"hello", b"{}", b'[2,null,"Heartbeat",{}]', b"[9,1]"])
def test_what_has_no_id_gets_nothing_and_counts(message: bytes) -> None:
    turn = Charger().raw(message)
    assert not turn.replies
    assert turn.bad


@pytest.mark.parametrize(
    "message", [b'[3,"x",{}]', b'[4,"x","InternalError","",{}]', b'[3,"1"]', b'[6,"a","b",{}]']
)
def test_an_answer_without_a_call_is_ignored(message: bytes) -> None:
    turn = Charger().raw(message)
    assert turn == Turn()


def test_what_is_not_utf_8_is_left_to_the_connection() -> None:
    with pytest.raises(UnicodeDecodeError):
        Charger().raw(b'[2,"\xff","Heartbeat",{}]')


def test_several_open_calls_are_all_answered() -> None:
    charger = Charger(admitted=False)
    turns = [charger.meter_values(20 + n) for n in range(7)]
    assert not any(turn.receipts for turn in turns)
    turn = charger.admit()
    assert [json.loads(receipt)[1] for receipt in turn.receipts] == [f"c{n}" for n in range(1, 8)]
    assert [(r.connector, r.level) for r in turn.readings] == [(1, 26)]


def test_of_very_long_ones_that_must_wait_too() -> None:
    charger = Charger(admitted=False)
    for n in range(4):
        charger.meter_values(n, x="y" * 30_000)
    assert len(charger.admit().receipts) == 2


def test_of_very_many_that_must_wait_some_are_lost_not_kept() -> None:
    charger = Charger(admitted=False)
    for n in range(100):
        charger.meter_values(n)
    assert len(charger.admit().receipts) == 8
