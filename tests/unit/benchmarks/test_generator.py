"""The generator: bytes as devices send them, times that count from when a message was due."""

import time
from collections import deque
from typing import Any

import pytest
from websockets.frames import Opcode

from services.gateway.chargers.readings import state_of_charge_of
from services.gateway.connection.fast_frames import short_message
from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.turn import Now
from services.gateway.widgets.widget_connection import status_message
from shared.contract.device_protocol import ChargingStatus
from shared.contract.thresholds import Thresholds
from tests.benchmarks.generator.frames import LEVELS, READING_OF_STEP, STATUSES, STEP_OF
from tests.benchmarks.generator.relaying import Relay
from tests.benchmarks.generator.schedule import Schedule, quantiles
from tests.benchmarks.generator.sending import FRAME_BYTES, FRAMES, ocpp_frames
from tests.fixtures.raw_frames import masked, reading


@pytest.mark.parametrize("level", [*LEVELS, 10, 99])
def test_its_readings_are_what_the_gateway_takes(level: int) -> None:
    message = short_message(reading(level), 0)
    assert message is not None
    assert state_of_charge_of(message) == level


def test_its_levels_call_for_the_three_statuses() -> None:
    thresholds = Thresholds.parse("charging=0,charging80=80,charged=100")
    assert [thresholds.status_of(level).value for level in LEVELS] == list(STATUSES)


def test_it_knows_the_messages_that_widgets_get() -> None:
    assert {status_message(status): status.value for status in ChargingStatus} == {
        message: STATUSES[step] for message, step in STEP_OF.items()
    }


def test_all_frames_that_count_by_bytes_are_as_long_as_each_other() -> None:
    assert {len(frame) for frame in FRAMES} == {FRAME_BYTES}


def test_what_chargers_of_ocpp_send_is_a_level_of_now() -> None:
    conversation = Conversation(Version.V16, 300)
    now = Now(1000.0, time.time())
    conversation.on_admitted(None, {}, now)
    frames = ocpp_frames()
    assert len({len(frame) for frame in frames}) == 1
    for level, frame in zip(range(10, 100), frames, strict=True):
        mask, payload = frame[4:8], frame[8:]
        message = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        (reading,) = conversation.take(message, now).readings
        assert (reading.connector, reading.level) == (1, level)
        assert now.clock - reading.sampled_at < 60


def test_a_long_payload_is_refused_rather_than_sent_wrongly() -> None:
    with pytest.raises(ValueError, match="126 bytes"):
        masked(Opcode.TEXT, b"x" * 126)


def test_due_times_follow_from_the_rate_alone() -> None:
    schedule = Schedule(rate=100.0, seconds=2.0, tick_seconds=0.0)
    schedule.began_at = 50.0
    assert schedule.due_at(0) == 50.0
    assert schedule.due_at(100) == 51.0
    assert schedule.due_by(50.0) == 1
    assert schedule.due_by(50.999) == 100
    assert schedule.due_by(99.0) == schedule.total == 200


def test_a_burst_comes_a_tick_after_the_last_one_and_no_message_before_its_time() -> None:
    schedule = Schedule(rate=100.0, seconds=2.0, tick_seconds=0.025)
    schedule.began_at = 50.0
    assert schedule.next_at() == 50.0
    schedule.sent_up_to(1, 50.0)
    assert schedule.next_at() == 50.025  # not 50.01
    schedule.sent_up_to(5, 50.012)
    assert schedule.next_at() == 50.05


def test_quantiles_are_in_milliseconds() -> None:
    found = quantiles([number / 1000 for number in range(101)])
    assert found == pytest.approx({"p50": 50, "p90": 90, "p99": 99, "max": 100, "count": 101})


class Device:
    """Stands for a connection: takes what is sent, and is told what to hear."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.takes = True
        self.on_text: Any = None

    def send(self, frame: bytes) -> bool:
        if self.takes:
            self.sent.append(frame)
        return self.takes


class Pair:
    """A fleet of one charger and its widget."""

    def __init__(self) -> None:
        self.charger, self.widget = Device(), Device()
        self.chargers, self.widgets = [self.charger], [self.widget]

    def hears(self, status: str) -> None:
        self.widget.on_text(next(m for m, step in STEP_OF.items() if STATUSES[step] == status))


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.benchmarks.generator.relaying.clock", lambda: 10.0)


def relay(pair: Pair, **options: int) -> Relay:
    fleet: Any = pair
    loop: Any = None
    return Relay(loop, fleet, counted_from=0.0, **options)


@pytest.fixture
def run(pair: Pair) -> Relay:
    return relay(pair)


def test_a_latency_counts_from_when_the_reading_was_due(run: Relay, pair: Pair) -> None:
    run.send(0, due_at=9.0)
    pair.hears("charging")
    assert list(run.latencies) == [1.0]
    assert run.waiting == 0


@pytest.mark.parametrize(
    ("readings_per_light", "steps"), [(1, [0, 1, 2, 0]), (2, [0, 0, 1, 1, 2, 2, 0])]
)
def test_readings_of_a_charger_go_round_the_statuses(
    pair: Pair, readings_per_light: int, steps: list[int]
) -> None:
    run = relay(pair, readings_per_light=readings_per_light)
    for number in range(len(steps)):
        run.send(number, due_at=9.0)
    assert pair.charger.sent == [READING_OF_STEP[step] for step in steps]


def test_two_readings_that_call_for_the_same_light_are_in_doubt(pair: Pair) -> None:
    run = relay(pair, readings_per_light=2)
    run.send(0, due_at=8.0)
    run.send(1, due_at=9.0)
    pair.hears("charging")
    assert (list(run.latencies), run.in_doubt, run.waiting) == ([2.0], 1, 1)
    pair.hears("charging")
    assert (list(run.latencies), run.in_doubt, run.waiting) == ([2.0, 1.0], 1, 0)


def test_a_skipped_reading_counts_until_its_widget_got_a_newer_one(run: Relay, pair: Pair) -> None:
    run.send(0, due_at=8.0)
    run.send(1, due_at=9.0)
    pair.hears("charging80")
    assert list(run.latencies) == [2.0, 1.0]
    assert (run.answers, run.conflated, run.waiting) == (1, 1, 0)


def test_without_doubt_none_is_counted(run: Relay, pair: Pair) -> None:
    for number in range(3):
        run.send(number, due_at=9.0)
    pair.hears("charging")
    assert run.in_doubt == 0


def test_in_doubt_a_status_answers_the_oldest_reading_and_at_the_end_all(
    run: Relay, pair: Pair
) -> None:
    for number, due_at in enumerate((1.0, 2.0, 3.0, 4.0)):
        run.send(number, due_at=due_at)
    pair.hears("charging")  # of the first, or of the fourth
    assert list(run.latencies) == [9.0]
    assert (run.in_doubt, run.waiting) == (1, 3)
    run.finish()
    assert list(run.latencies) == [9.0, 8.0, 7.0, 6.0]
    assert run.waiting == 0


def test_at_the_end_a_widget_that_shows_something_else_has_not(run: Relay, pair: Pair) -> None:
    run.send(0, due_at=1.0)
    run.send(1, due_at=2.0)
    pair.hears("charging")
    run.finish()
    assert run.waiting == 1


def test_a_status_that_nothing_called_for_is_told_of(run: Relay, pair: Pair) -> None:
    pair.hears("charged")
    assert run.unexpected == 1


def test_a_reading_that_could_not_be_sent_is_not_waited_for(run: Relay, pair: Pair) -> None:
    pair.charger.takes = False
    run.send(0, due_at=9.0)
    assert (run.refused, run.waiting) == (1, 0)


def test_the_warm_up_does_not_count(pair: Pair, run: Relay) -> None:
    run._counted_from = 9.5
    run.send(0, due_at=9.0)
    run.send(1, due_at=9.6)
    pair.hears("charging80")
    assert list(run.latencies) == pytest.approx([0.4])
    assert run._unanswered == [deque()]
