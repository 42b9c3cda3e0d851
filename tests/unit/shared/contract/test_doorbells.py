"""Messages on Redis channels: what is written is what is read, and nonsense stops nobody."""

import json
from collections.abc import Callable

import pytest

from shared.contract.device_protocol import ChargingStatus
from shared.contract.doorbells import (
    StatusData,
    StatusDoorbell,
    decode_directory_change,
    decode_reading,
    decode_status,
    encode_status,
)
from shared.contract.tolerant_json import NOT_DECODABLE

STATUS = StatusDoorbell(
    data=StatusData(ChargingStatus.CHARGED),
    widget="w1",
    charger="c1",
    pairing=7,
    revision=(1_700_000_000_000_000, 3),
    thresholds=2,
)


def test_a_status_is_json_in_the_shape_of_the_device_message_and_more() -> None:
    assert json.loads(encode_status(STATUS)) == {
        "event": "chargingStatus",
        "data": {"status": "charged"},
        "widget": "w1",
        "charger": "c1",
        "pairing": 7,
        "revision": [1_700_000_000_000_000, 3],
        "thresholds": 2,
    }


def test_a_status_comes_back_and_is_fenced_by_pairing_then_revision_then_thresholds() -> None:
    assert decode_status(encode_status(STATUS)) == STATUS
    assert STATUS.fence == (7, 1_700_000_000_000_000, 3, 2)


def test_a_reading_as_the_store_script_writes_it_is_understood() -> None:
    reading = decode_reading(
        b'{"event":"StateOfCharge","data":{"soc":79.5},"charger":"c1",'
        b'"revision":[1700000000000000,3],"pairing":7,"widget":"w1",'
        b'"received_at":1700000000000009}'
    )
    assert reading.received_at == 1_700_000_000_000_009
    assert reading.charger == "c1"
    assert reading.data.soc == 79.5
    assert reading.revision == (1_700_000_000_000_000, 3)
    assert (reading.pairing, reading.widget) == (7, "w1")

    reading = decode_reading(  # lights nothing: it has no widget
        b'{"event":"StateOfCharge","data":{"soc":0},"charger":"c1","revision":[1,1]}'
    )
    assert (reading.pairing, reading.widget, reading.received_at) == (0, "", 0)


def test_a_change_of_the_directory_names_devices_or_none() -> None:
    assert decode_directory_change(b'{"ids":["c1","c2"]}').ids == ["c1", "c2"]
    assert decode_directory_change(b'{"ids":[]}').ids == []
    # Members added later are skipped.
    assert decode_directory_change(b'{"ids":["c1"],"why":"moved"}').ids == ["c1"]


@pytest.mark.parametrize(
    "decode", [decode_reading, decode_status, decode_directory_change], ids=["r", "s", "d"]
)
@pytest.mark.parametrize(
    "payload",
    [
        *[b"", b"hello", b"{}", b"null", b"[]", b"\xff", b'{"ids":[7]}', b'{"charger":7}'],
        b'{"data":{"status":"purple"}}',
        b'{"data":{"soc":"70"}}',
        b'{"ids":["\xff"],"charger":"\xff","widget":"\xff"}',
        b'{"x":' + b"[" * 5000,
    ],
    ids=lambda payload: str(payload[:30]),
)
def test_what_an_operator_typed_into_redis_cli_is_a_decode_error(
    decode: Callable[[bytes], object], payload: bytes
) -> None:
    # The errors that all who hear doorbells expect.
    with pytest.raises(NOT_DECODABLE):
        decode(payload)
