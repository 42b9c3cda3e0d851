"""The WebSocket protocol as a device sees it, where it differs from the library's."""

import gc
import weakref

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from services.gateway.connection.websocket_protocol import DeviceProtocol
from shared.contract.device_protocol import MAX_FRAGMENTS, MAX_MESSAGE_BYTES
from tests.unit.gateway.fake_device import frame_of, head_of

TEXT, CONT, BINARY = Opcode.TEXT, Opcode.CONT, Opcode.BINARY


@pytest.fixture
def websocket() -> DeviceProtocol:
    """A protocol whose handshake is done."""
    websocket = DeviceProtocol()
    websocket.receive_data(head_of("/chargers/c1"))
    (request,) = websocket.events_received()
    assert isinstance(request, Request)
    websocket.send_response(websocket.accept(request))
    websocket.data_to_send()
    return websocket


def closed_with(websocket: DeviceProtocol) -> int | None:
    return None if websocket.close_sent is None else int(websocket.close_sent.code)


def received(websocket: DeviceProtocol, data: bytes) -> list[Frame]:
    websocket.receive_data(data)
    return [event for event in websocket.events_received() if isinstance(event, Frame)]


def fragments(number: int, payload: bytes = b"x", opcode: Opcode = TEXT) -> bytes:
    """Return a whole message in so many fragments."""
    parts = [opcode, *[CONT] * (number - 1)]
    return b"".join(
        frame_of(part, payload, fin=index == number - 1) for index, part in enumerate(parts)
    )


def test_a_ping_is_an_event_and_not_answered_by_itself(websocket: DeviceProtocol) -> None:
    frames = received(websocket, frame_of(Opcode.PING, b"1"))
    assert [(frame.opcode, bytes(frame.data)) for frame in frames] == [(Opcode.PING, b"1")]
    assert websocket.data_to_send() == []


def test_a_ping_between_fragments_ends_nothing(websocket: DeviceProtocol) -> None:
    data = frame_of(TEXT, b"a", fin=False) + frame_of(Opcode.PING) + frame_of(CONT, b"b")
    assert [f.opcode for f in received(websocket, data)] == [TEXT, Opcode.PING, CONT]
    assert websocket.state is State.OPEN


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("payload", [b"x", b""])
def test_a_message_may_come_in_16_fragments_and_not_in_17(
    websocket: DeviceProtocol, opcode: Opcode, payload: bytes
) -> None:
    for _ in range(3):  # the count starts over with each message
        assert len(received(websocket, fragments(MAX_FRAGMENTS, payload, opcode))) == 16
        assert websocket.state is State.OPEN
    received(websocket, fragments(MAX_FRAGMENTS + 1, payload, opcode))
    assert closed_with(websocket) == 1009


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame_of(TEXT, b"x" * 1024), None),
        (frame_of(TEXT, b"x" * 1025), 1009),
        (frame_of(TEXT, b"x" * 512, fin=False) + frame_of(CONT, b"x" * 512), None),
        (frame_of(TEXT, b"x" * 512, fin=False) + frame_of(CONT, b"x" * 513), 1009),
        (frame_of(TEXT, fin=False) + frame_of(CONT, fin=False) * 16, 1009),
        (frame_of(TEXT, b"x" * 100_000)[:14], 1009),
        (Frame(TEXT, b"x").serialize(mask=False), 1002),
    ],
    ids=["1024", "1025", "512+512", "512+513", "no end", "the head is enough", "no mask"],
)
def test_a_message_has_a_mask_and_1024_bytes_at_most(
    websocket: DeviceProtocol, sent: bytes, code: int | None
) -> None:
    assert MAX_MESSAGE_BYTES == 1024
    received(websocket, sent)
    assert closed_with(websocket) == code


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        head_of("/chargers/c1"),
        head_of("/chargers/c1") + frame_of(Opcode.CLOSE, b""),
        head_of("/chargers/c1") + b"\xff\xff no frame",
        b"no handshake\r\n\r\n",
    ],
)
def test_an_ended_protocol_goes_without_the_garbage_collector(sent: bytes) -> None:
    websocket = DeviceProtocol()
    websocket.receive_data(sent)
    for event in websocket.events_received():
        if isinstance(event, Request):
            websocket.send_response(websocket.accept(event))
    websocket.receive_eof()
    gone = weakref.ref(websocket)
    gc.disable()
    try:
        websocket.break_cycle()
        del websocket
        assert gone() is None
    finally:
        gc.enable()
