"""The literals that firmware depends on. Whoever changes one breaks devices in the field."""

from shared.contract import device_protocol
from shared.contract.device_protocol import ChargingStatus, CloseCode, ErrorCode


def test_paths_events_and_limits_are_those_in_firmware() -> None:
    assert device_protocol.CHARGER_PATHS == ("/chargers/",)
    assert device_protocol.WIDGET_PATHS == ("/widgets/", "/devices/")
    assert device_protocol.STATE_OF_CHARGE_EVENT == "StateOfCharge"
    assert device_protocol.CHARGING_STATUS_EVENT == "chargingStatus"
    assert device_protocol.ERROR_EVENT == "error"
    assert device_protocol.MAX_MESSAGE_BYTES == 1024
    assert device_protocol.MAX_FRAGMENTS == 16


def test_statuses_and_codes_are_those_in_firmware() -> None:
    assert [str(status) for status in ChargingStatus] == ["charging", "charging80", "charged"]
    assert {code.name: int(code) for code in CloseCode} == {
        "GOING_AWAY": 1001,
        "PROTOCOL_ERROR": 1002,
        "NOT_UTF8": 1007,
        "POLICY": 1008,
        "TOO_BIG": 1009,
        "NOT_REGISTERED": 4404,
        "SUPERSEDED": 4409,
        "TOO_FAST": 4429,
    }
    assert {str(code) for code in ErrorCode} == {
        "not_text",
        "not_json",
        "unknown_event",
        "invalid_reading",
        "out_of_range",
        "unexpected",
    }
