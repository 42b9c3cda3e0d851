"""What an id looks like: one rule, and messages follow it too."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contract.devices import DeviceId, MaybeDeviceId, is_device_id

device_ids = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)


@given(st.text(max_size=70) | device_ids | st.builds(lambda i, c: i + c, device_ids, st.text()))
def test_an_id_is_exactly_what_the_rule_says(text: str) -> None:
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert is_device_id(text) is (1 <= len(text) <= 64 and set(text) <= allowed)


@pytest.mark.parametrize("text", [".", "..", "-", "_", "0", "x" * 64, "C.1_a-B"])
def test_these_are_ids(text: str) -> None:
    assert is_device_id(text)


NO_IDS = ["c1\n", "\nc1", "c1\x00", "x" * 65, "\xe4", "\u0661", "a b", "{p17}", "a:b"]


@pytest.mark.parametrize("text", ["", *NO_IDS])
def test_these_are_none_in_messages_either(text: str) -> None:
    assert not is_device_id(text)
    assert not _is_allowed(DeviceId, text)
    assert _is_allowed(MaybeDeviceId, text) is (text == "")


@given(st.text(max_size=70) | device_ids)
def test_messages_hold_the_same_ids(text: str) -> None:
    assert _is_allowed(DeviceId, text) is is_device_id(text)
    assert _is_allowed(MaybeDeviceId, text) is (text == "" or is_device_id(text))


def _is_allowed(kind: object, text: str) -> bool:
    try:
        msgspec.json.decode(msgspec.json.encode(text), type=kind)
    except msgspec.ValidationError:
        return False
    return True
