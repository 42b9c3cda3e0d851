"""A simulated charger that speaks OCPP: all that it says is valid by the schemas."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from ocpp import messages

from services.simulator.devices.dialects import DialectName, Heard, Native, Ocpp, dialect_of

OCPP = [DialectName.OCPP_16, DialectName.OCPP_201]
NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)


def checked(name: DialectName, text: str, kind: Any = messages.MessageType.Call) -> Any:
    """Return the payload of a message after it was checked by its schema."""
    _, _, *rest = json.loads(text)
    action, payload = rest if kind == messages.MessageType.Call else ("TriggerMessage", rest[0])
    messages.get_validator(kind, action, name.removeprefix("ocpp")).validate(payload)
    return payload


@pytest.mark.parametrize("name", OCPP)
def test_what_it_says_by_itself_is_valid(name: DialectName) -> None:
    charger = Ocpp(name, lambda: NOW)
    assert charger.subprotocol == name.value
    (boot,) = charger.greet()
    checked(name, boot)
    texts = [charger.reading(79.5), charger.reading(80)]
    (value,) = checked(name, texts[0])["meterValue"][0]["sampledValue"]
    assert float(value["value"]) == 79.5
    assert checked(name, texts[1])["meterValue"][0]["timestamp"] == "2026-11-30T10:00:00.000Z"
    ids = [json.loads(text)[1] for text in (boot, *texts)]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("name", OCPP)
def test_it_says_its_level_when_it_is_asked(name: DialectName) -> None:
    charger = Ocpp(name, lambda: NOW)
    ask = '[2,"7","TriggerMessage",{}]'
    accepted, reading = charger.hear(ask, 50).answers
    checked(name, accepted, messages.MessageType.CallResult)
    assert checked(name, reading)["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
    assert len(charger.hear(ask, None).answers) == 1


@pytest.mark.parametrize("name", OCPP)
def test_it_cannot_be_set_up(name: DialectName) -> None:
    (answer,) = Ocpp(name).hear('[2,"7","GetConfiguration",{}]', 50).answers
    assert json.loads(answer)[:3] == [4, "7", "NotImplemented"]


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ('[3,"1",{}]', None),
        ('[4,"1","ProtocolError","why",{}]', ("ProtocolError", "why")),
        ("{}", ("", "not in the protocol: '{}'")),
        ("[3", ("", "not in the protocol: '[3'")),
        ('[9,"1",{}]', ("", "not in the protocol: '[9,\"1\",{}]'")),
    ],
)
def test_what_the_hub_says(message: str, complaint: tuple[str, str] | None) -> None:
    assert Ocpp(DialectName.OCPP_16).hear(message, 50) == Heard(complaint=complaint)


def test_our_own_dialect_offers_and_says_nothing_first() -> None:
    native = dialect_of(DialectName.NATIVE)
    assert isinstance(native, Native)
    assert (native.subprotocol, native.greet()) == ("", [])
    assert native.reading(70) == '{"event":"StateOfCharge","data":{"soc":70}}'
