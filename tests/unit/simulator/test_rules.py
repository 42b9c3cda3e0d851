"""The rules that need no hub: levels, thresholds, phones, pairs, messages, words."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.devices import messages
from services.simulator.devices.disconnect_reason import (
    Closed,
    Device,
    Refused,
    Silent,
    Unreachable,
    explain,
)
from services.simulator.devices.levels import WrongLevelError, format_level, parse_level
from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.devices.reconnect import Pace
from services.simulator.fleet.figures import percentile
from services.simulator.fleet.pairs import Pair, WrongPairError, numbered_pairs
from services.simulator.judging.thresholds import DEFAULT, WrongThresholdsError, parse_thresholds
from services.simulator.terminal.led import colour_of, led
from shared.contract.device_protocol import ChargingStatus, CloseCode

CHARGER = Device("charger", "c1", "ws://hub:3100/chargers/c1")


@pytest.mark.parametrize(
    ("text", "level"), [("70", 70.0), (" 79.5 %\n", 79.5), ("0", 0.0), ("100%", 100.0)]
)
def test_a_level_is_read_as_people_write_it(text: str, level: float) -> None:
    assert parse_level(text) == level


@pytest.mark.parametrize("text", ["", "full", "nan", "1e2", "1_0", "inf", "70,5", "0x10", "٣"])
def test_what_is_no_number_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongLevelError, match="for example 70"):
        parse_level(text)


@pytest.mark.parametrize("text", ["-1", "101", "100.1"])
def test_a_level_outside_the_range_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(WrongLevelError, match="from 0 to 100"):
        parse_level(text)


def test_a_whole_level_is_written_without_decimals() -> None:
    assert (format_level(70.0), format_level(79.5)) == ("70 %", "79.5 %")


@pytest.mark.parametrize(
    ("level", "status"),
    [
        (0, ChargingStatus.CHARGING),
        (79.9, ChargingStatus.CHARGING),
        (80, ChargingStatus.CHARGING80),
        (99.9, ChargingStatus.CHARGING80),
        (100, ChargingStatus.CHARGED),
    ],
)
def test_the_default_thresholds_are_those_of_the_protocol(
    level: float, status: ChargingStatus
) -> None:
    assert parse_thresholds(DEFAULT).call_for(level) is status


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("charging=0,charging=80", "twice"),
        ("charging=10,charged=100", "start at 0"),
        ("charging=0,charging80=90,charged=90", "ascending"),
        ("charging=0,blue=80", "STATUS=PERCENT"),
        ("charging=0,charged=101", "STATUS=PERCENT"),
        ("charging", "STATUS=PERCENT"),
        ("charging=nan", "STATUS=PERCENT"),
        ("", "STATUS=PERCENT"),
    ],
)
def test_wrong_thresholds_are_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(WrongThresholdsError, match=says):
        parse_thresholds(text)


def test_a_phone_charges_rests_when_full_and_the_next_one_comes() -> None:
    phone = Phone(level=98.0, step=1.5, rest=2, arrive=empty_phone)
    levels = []
    for _ in range(6):
        phone.charge()
        levels.append(phone.level)
    assert levels == [99.5, 100.0, 100.0, 100.0, 0.0, 1.5]


@given(st.floats(0, 100), st.floats(0.1, 10), st.integers(0, 5))
def test_a_phone_never_leaves_the_range(level: float, step: float, rest: int) -> None:
    phone = Phone(level, step, rest, empty_phone)
    for _ in range(50):
        phone.charge()
        assert 0 <= phone.level <= 100


def test_a_pair_is_written_with_a_colon() -> None:
    assert Pair.parse("c1234:wABCD") == Pair("c1234", "wABCD")


@pytest.mark.parametrize("text", ["c1234", "c1234:", ":w", "c 1:w", "c1:w/2", "c1:w\n", "a:b:c"])
def test_what_is_no_pair_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongPairError, match="c1234:wABCD"):
        Pair.parse(text)


def test_numbered_pairs_sort_as_they_count() -> None:
    pairs = numbered_pairs("demo", 12000)
    assert pairs[0] == Pair("demo-c00001", "demo-w00001")
    assert pairs == sorted(pairs, key=lambda pair: pair.charger)


def test_a_reading_is_the_message_of_the_protocol() -> None:
    assert messages.reading(70.0) == '{"event":"StateOfCharge","data":{"soc":70}}'
    assert messages.reading(79.5) == '{"event":"StateOfCharge","data":{"soc":79.5}}'


def test_a_status_and_an_error_are_read() -> None:
    status = messages.read('{"event":"chargingStatus","data":{"status":"charged"}}')
    assert isinstance(status, messages.StatusMessage)
    assert status.data.status is ChargingStatus.CHARGED
    error = messages.read('{"event":"error","data":{"code":"not_json","message":"no"}}')
    assert isinstance(error, messages.ErrorMessage)
    assert error.data.code == "not_json"


@pytest.mark.parametrize(
    "text",
    [
        '{"event":"chargingStatus","data":{"status":"blue"}}',
        '{"event":"chargingStatus","data":{"status":"charged","extra":1}}',
        '{"event":"chargingStatus","data":{"status":"charged"},"id":1}',
        '{"event":"news","data":{}}',
        "[]",
        "",
        b"\xff",
    ],
)
def test_anything_but_the_promised_shape_is_not_understood(text: str | bytes) -> None:
    with pytest.raises(messages.NotUnderstoodError):
        messages.read(text)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        (Closed(4404, "gone"), r'not registered \("gone"\); .* register c1:WIDGET \[4404\]'),
        (Closed(4409), r"another connection of this charger is newer.*\[4409\]"),
        (Closed(1001), "connect again"),
        (Closed(1006), "^connection lost$"),
        (Closed(4999), r"closed the connection \[4999\]"),
        (Silent(15), "nothing heard from the hub for 15 s"),
        (Refused(404), "right port"),
        (Refused(401), "credentials"),
        (Refused(503), "not ready"),
        (Refused(418), "418"),
        (Unreachable("nothing listens there"), "no hub at ws://hub:3100.*nothing listens"),
    ],
)
def test_every_ending_is_explained(reason: Closed, says: str) -> None:
    assert re.search(says, explain(reason, CHARGER))


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_close_code_of_the_protocol_has_words_of_its_own(code: CloseCode) -> None:
    assert "closed the connection" not in explain(Closed(code), CHARGER)


def test_delays_grow_up_to_five_seconds_and_start_over_after_a_good_connection() -> None:
    pace = Pace(random.Random(1))
    lost = Closed(1006)
    assert pace.delay(lost, lasted=60) <= 0.1
    delays = [pace.delay(lost, lasted=0) for _ in range(200)]
    assert 4 < max(delays) <= 5
    assert pace.delay(lost, lasted=60) <= 0.1


@pytest.mark.parametrize("reason", [Closed(4404), Closed(4409), Refused(404)])
def test_a_device_that_is_not_wanted_tries_again_slowly(reason: Closed) -> None:
    pace = Pace(random.Random(1))
    assert all(1 <= pace.delay(reason, lasted=0) <= 11 for _ in range(50))


def test_a_device_waits_as_long_as_the_hub_asks_it_to_within_reason() -> None:
    pace = Pace(random.Random(1))
    assert 3 <= pace.delay(Refused(503, retry_after=3), lasted=0) <= 3.1
    assert pace.delay(Refused(503, retry_after=86400), lasted=0) <= 35


def test_percentiles_are_samples_and_none_of_nothing() -> None:
    samples = [float(number) for number in range(1, 101)]
    assert percentile(samples, 0.5) == 50
    assert percentile(samples, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    assert percentile([], 0.5) is None


def test_the_led_has_the_colours_of_the_booth() -> None:
    colours = [colour_of(status) for status in (*ChargingStatus, None)]
    assert colours == ["red", "yellow", "green", "dark"]
    assert led(ChargingStatus.CHARGED, 3, 2).plain == "███\n███"
