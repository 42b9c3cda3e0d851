"""What a charger gets for the subprotocols that it offers."""

import base64

import pytest
from websockets.frames import Opcode

from services.gateway.connection.endpoint import DeviceHandler
from services.gateway.ocpp.frames import MAX_MESSAGE_BYTES
from services.gateway.ocpp_chargers.ocpp_connection import OcppConnection
from shared.contract.device_protocol import CloseCode
from tests.unit.gateway.fake_device import frame_of, reading_of
from tests.unit.gateway.ocpp_chargers.ocpp_booth import OcppBooth, OcppCharger

READING = b'{"event":"StateOfCharge","data":{"soc":70}}'


def basic(user: str, password: bytes) -> str:
    return f"Authorization: Basic {base64.b64encode(user.encode() + b':' + password).decode()}"


@pytest.mark.parametrize("offer", [None, "chat", "mqtt, v2.ocpp"])
async def test_without_ocpp_it_is_our_own_dialect(booth: OcppBooth, offer: str | None) -> None:
    charger = OcppCharger(booth, offer)
    assert charger.subprotocols == []
    charger.send(reading_of(70))
    await booth.write()
    assert [item[3] for item in booth.bus.stored()] == ["70"]
    charger.say(b"[2,")
    (error,) = charger.messages
    assert error["event"] == "error"


def test_the_answer_without_ocpp_has_the_same_head_as_ever(booth: OcppBooth) -> None:
    with_offer, without = OcppCharger(booth, "chat"), OcppCharger(booth, None)
    assert with_offer.http_head.splitlines()[2:] == without.http_head.splitlines()[2:]


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [
        ("ocpp1.6", "ocpp1.6"),
        ("ocpp2.0.1, ocpp1.6", "ocpp2.0.1"),
        ("OCPP2.1", "OCPP2.1"),
        ("ocpp1.5, ocpp1.6", "ocpp1.6"),
    ],
)
def test_the_first_known_version_is_echoed(booth: OcppBooth, offer: str, chosen: str) -> None:
    charger = OcppCharger(booth, offer)
    assert (charger.http_status, charger.subprotocols) == (101, [chosen])
    charger.call("Heartbeat")
    assert charger.answered == ["c1"]


def test_only_unknown_versions_are_closed_after_the_handshake(booth: OcppBooth) -> None:
    charger = OcppCharger(booth, "ocpp1.5, ocpp2.0")
    assert (charger.http_status, charger.subprotocols) == (101, [])
    assert charger.close_code == CloseCode.PROTOCOL_ERROR
    assert b"offer ocpp1.6" in charger.got(Opcode.CLOSE)[0]


def test_compression_is_never_accepted(booth: OcppBooth) -> None:
    deflate = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    assert "extensions" not in OcppCharger(booth, headers=(deflate,)).http_head.lower()


@pytest.mark.parametrize("target", ["/chargers/c1/", "//chargers/c1", "/chargers%2Fc1"])
def test_the_path_may_differ_a_little_with_ocpp(booth: OcppBooth, target: str) -> None:
    assert OcppCharger(booth, target=target).http_status == 101


@pytest.mark.parametrize("target", ["/chargers/c1:2", "/chargers/c1%3A2", "/widgets/c1"])
def test_a_connector_and_other_paths_are_not_found(booth: OcppBooth, target: str) -> None:
    assert OcppCharger(booth, target=target).http_status == 404


@pytest.mark.parametrize(
    ("header", "presented"),
    [
        (basic("c1", b"secret:with:colons"), "secret:with:colons"),
        (basic("c1", b"\x00\xff\x10"), "00ff10"),
        (basic("c2", b"secret"), ""),
        ("Authorization: Bearer secret", "secret"),
        ("X-Other: 1", ""),
    ],
)
def test_a_password_may_be_any_bytes(booth: OcppBooth, header: str, presented: str) -> None:
    assert OcppCharger(booth, headers=(header,)).presented == [presented]


def test_two_authorizations_are_none(booth: OcppBooth) -> None:
    headers = (basic("c1", b"one"), basic("c1", b"two"))
    assert OcppCharger(booth, headers=headers).presented == [""]


def test_a_message_may_have_64_kib_with_ocpp_only(booth: OcppBooth) -> None:
    ocpp, native = OcppCharger(booth), OcppCharger(booth, None)
    padded = b'[2,"1","Heartbeat",{}]'.ljust(MAX_MESSAGE_BYTES)
    for device, most in (ocpp, MAX_MESSAGE_BYTES), (native, 1024):
        let_arrive(booth, device, frame_of(Opcode.TEXT, padded[:most]))
        assert device.close_code is None
        let_arrive(booth, device, frame_of(Opcode.TEXT, padded[:most] + b" "))
        assert device.close_code == CloseCode.TOO_BIG
    assert ocpp.answered == ["1"]


def test_a_long_message_may_come_in_many_fragments_with_ocpp(booth: OcppBooth) -> None:
    charger = OcppCharger(booth)
    pieces = [b'[2,"1","Heartbeat",', *[b" "] * 100, b"{}]"]
    for place, piece in enumerate(pieces):
        is_last = place == len(pieces) - 1
        opcode = Opcode.CONT if place else Opcode.TEXT
        charger.send(frame_of(opcode, piece, fin=is_last))
    assert charger.answered == ["1"]


def let_arrive(booth: OcppBooth, device: OcppCharger, data: bytes) -> None:
    """Let all of it arrive, as fast as it may."""
    device.on_the_way += data
    for _ in range(100):
        device.arrive()
        booth.let_time_pass(0.5)
        if not device.on_the_way:
            return


def test_what_is_not_utf_8_is_closed_with_1007(booth: OcppBooth) -> None:
    charger = OcppCharger(booth)
    charger.say(b'[2,"1","Heartbeat",{"a":"\xff"}]')
    assert charger.close_code == CloseCode.NOT_UTF8


@pytest.mark.parametrize(
    ("opcode", "message", "answers"),
    [
        (Opcode.TEXT, b"not json", 0),
        (Opcode.BINARY, b'[2,"1","Heartbeat",{}]', 0),
        (Opcode.TEXT, b'[2,"1","Heartbeat"]', 1),
    ],
)
def test_too_many_bad_messages_in_a_row_are_closed_with_1008(
    booth: OcppBooth, opcode: Opcode, message: bytes, answers: int
) -> None:
    charger = OcppCharger(booth)
    for _ in range(20):
        charger.send(frame_of(opcode, message))
    charger.call("Heartbeat")
    for _ in range(20):
        charger.send(frame_of(opcode, message))
    assert charger.close_code is None
    assert len(charger.messages) == 40 * answers + 1
    charger.send(frame_of(opcode, message))
    assert charger.close_code == CloseCode.POLICY


def test_without_a_subprotocol_a_call_is_a_bad_message_unless_it_is_set(booth: OcppBooth) -> None:
    charger = OcppCharger(booth, None)
    charger.call("Heartbeat")
    assert [message["event"] for message in charger.messages] == ["error"]


async def test_without_a_subprotocol_the_first_message_may_tell(booth: OcppBooth) -> None:
    charger = OcppCharger(booth, None, needs_subprotocol=False)
    assert charger.subprotocols == []
    charger.call("Heartbeat")
    assert charger.answered == ["c1"]
    let_arrive(booth, charger, frame_of(Opcode.TEXT, b'[2,"1","Heartbeat",{}]'.ljust(2000)))
    charger.say(READING)
    assert len(charger.messages) == 2, "no error event"


@pytest.mark.parametrize("origin", ["file://", "http://127.0.0.1"])
async def test_one_without_a_subprotocol_may_send_an_origin_that_no_web_page_has(
    booth: OcppBooth, origin: str
) -> None:
    headers = (f"Origin: {origin}",)
    charger = OcppCharger(booth, None, headers=headers, needs_subprotocol=False)
    charger.call("Heartbeat")
    assert charger.answered == ["c1"]


@pytest.mark.parametrize("offer", [None, "ocpp1.6"])
async def test_ocpp_opens_no_door_for_web_pages(booth: OcppBooth, offer: str | None) -> None:
    headers = ("Origin: https://evil.example",)
    charger = OcppCharger(booth, offer, headers=headers, needs_subprotocol=False)
    assert charger.http_status == 403


async def test_without_a_subprotocol_our_own_dialect_is_as_ever(booth: OcppBooth) -> None:
    charger = OcppCharger(booth, None, needs_subprotocol=False)
    charger.say(READING)
    charger.call("Heartbeat")
    await booth.write()
    assert [item[3] for item in booth.bus.stored()] == ["70"]
    (error,) = charger.messages
    assert error["event"] == "error"
    charger.say(READING.ljust(1025))
    assert charger.close_code == CloseCode.TOO_BIG


def test_idle_connections_of_our_own_dialect_have_no_state_of_ocpp(booth: OcppBooth) -> None:
    charger = OcppCharger(booth, None)
    assert not isinstance(handler_of(charger), OcppConnection)
    assert isinstance(handler_of(OcppCharger(booth)), OcppConnection)


def handler_of(charger: OcppCharger) -> DeviceHandler:
    handler: DeviceHandler = charger.protocol.handler  # type: ignore[union-attr] # it is open
    return handler
