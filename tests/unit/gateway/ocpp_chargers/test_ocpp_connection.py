"""What a charger that speaks OCPP says is stored as its own dialect's readings are."""

from typing import Any

import pytest
from websockets.frames import Opcode

from services.gateway import metrics, scripts
from services.gateway.known_pairing import KnownPairing
from services.gateway.ocpp.negotiation import Version
from tests.unit.gateway.fake_device import frame_of
from tests.unit.gateway.ocpp_chargers.ocpp_booth import OcppBooth, OcppCharger

OLD = KnownPairing(7, "7-aaaa", 3600.0)
NEW = KnownPairing(8, "8-bbbb", 0.0)


async def connect(booth: OcppBooth, read: KnownPairing | None = OLD) -> OcppCharger:
    """Connect a charger that has its epoch."""
    booth.bus.pairing = read or OLD
    charger = OcppCharger(booth, read=read)
    await booth.write()
    return charger


async def hand_over(booth: OcppBooth) -> None:
    booth.bus.pairing = NEW
    await booth.reconcile()


def pong(charger: OcppCharger) -> None:
    charger.send(frame_of(Opcode.PONG, charger.got(Opcode.PING)[-1]))


def stored(booth: OcppBooth) -> list[tuple[float, object]]:
    """Return level and mark of what was stored."""
    return [(float(str(item[3])), item[4]) for item in booth.bus.stored()]


async def test_a_reading_is_stored_with_its_mark_and_then_answered(booth: OcppBooth) -> None:
    charger = await connect(booth)
    before = metrics.READINGS.value
    message_id = charger.report(79.9)
    assert message_id not in charger.answered
    await booth.write()
    assert charger.answered == [message_id]
    assert stored(booth) == [(79.9, OLD.mark)]
    assert metrics.READINGS.value == before + 1


async def test_while_redis_is_away_heartbeats_are_answered_and_readings_are_not(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    booth.bus.away = True
    reading = charger.report(80)
    await booth.write()
    heartbeat = charger.call("Heartbeat")
    assert charger.answered == [heartbeat]
    booth.bus.away = False
    await booth.write()
    assert charger.answered == [heartbeat, reading]


@pytest.mark.parametrize(
    ("version", "action"),
    [
        *((version, "MeterValues") for version in Version),
        (Version.V16, "StartTransaction"),
        (Version.V16, "StopTransaction"),
        (Version.V201, "TransactionEvent"),
        (Version.V21, "TransactionEvent"),
    ],
)
async def test_each_answer_that_is_a_receipt_waits_for_redis(
    booth: OcppBooth, version: Version, action: str
) -> None:
    booth.bus.pairing = OLD
    booth.bus.transactions["c1"] = b'[["5",1]]'
    charger = OcppCharger(booth, version, read=OLD)
    await booth.write()
    booth.bus.away = True
    sample = {"timestamp": charger.time(), "sampledValue": [{"value": 80, "measurand": "SoC"}]}
    message_id = charger.call(
        action,
        {
            "connectorId": 1,
            "evseId": 1,
            "evse": {"id": 1},
            "transactionId": 5,
            "transactionInfo": {"transactionId": "t1"},
            "timestamp": charger.time(),
            "meterValue": [sample],
            "transactionData": [sample],
        },
    )
    await booth.write()
    assert charger.answered == []
    booth.bus.away = False
    await booth.write()
    assert charger.answered == [message_id]
    assert stored(booth) == ([] if action == "StartTransaction" else [(80, OLD.mark)])


async def test_nothing_that_needs_the_epoch_is_answered_before_it_is_drawn(
    booth: OcppBooth,
) -> None:
    booth.bus.away = True
    charger = OcppCharger(booth, read=OLD)
    boot, heartbeat = charger.call("BootNotification"), charger.call("Heartbeat")
    reading = charger.report(80)
    await booth.write()
    assert charger.answered == [heartbeat]
    booth.bus.away = False
    booth.bus.pairing = OLD
    await booth.write()
    assert charger.answered == [heartbeat, boot, reading]
    assert stored(booth) == [(80, OLD.mark)]


async def test_ten_open_calls_are_all_answered(booth: OcppBooth) -> None:
    charger = await connect(booth)
    ids = [charger.report(level) for level in range(10)]
    await booth.write()
    assert charger.answered == ids
    assert stored(booth) == [(9, OLD.mark)]


async def test_of_very_many_answers_that_wait_for_redis_the_oldest_are_dropped(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    booth.bus.away = True
    ids = []
    for _ in range(70):
        booth.let_time_pass(1)
        ids.append(charger.report(80))
    booth.bus.away = False
    await booth.write()
    assert charger.answered == ids[-64:]


async def test_a_ping_is_answered_once_the_reading_before_it_is_stored(booth: OcppBooth) -> None:
    charger = await connect(booth)
    charger.report(80)
    charger.ping(b"receipt")
    assert charger.got(Opcode.PONG) == []
    await booth.write()
    assert charger.got(Opcode.PONG) == [b"receipt"]


async def test_what_is_of_no_connector_is_answered_and_not_stored(booth: OcppBooth) -> None:
    charger = await connect(booth)
    message_id = charger.report(80, connector=0)
    assert charger.answered == [message_id]
    await booth.write()
    assert stored(booth) == []


async def test_a_queue_from_before_the_pairing_lights_nothing_and_the_level_is_asked_for(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth, read=OLD._replace(age=60))
    charger.report(100, ago=600)
    await booth.write()
    assert stored(booth) == [(100, "")]
    for _ in range(5):
        booth.let_time_pass(1)
        charger.call("Heartbeat")
    assert ask_of(charger) == "TriggerMessage"
    charger.answer({"status": "Accepted"})
    charger.report(20)
    await booth.write()
    assert stored(booth)[-1] == (20, OLD.mark)


def ask_of(charger: OcppCharger) -> str:
    return str(charger.calls[-1][2])


async def test_a_queue_of_the_present_pairing_lights(booth: OcppBooth) -> None:
    charger = await connect(booth)
    charger.report(50, ago=600)
    await booth.write()
    assert stored(booth) == [(50, OLD.mark)]


async def test_a_charger_whose_clock_is_an_hour_behind_lights_by_its_second_sample(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth, read=OLD._replace(age=60))
    charger.behind = 3600
    charger.report(50)
    booth.let_time_pass(10)
    charger.report(51)
    await booth.write()
    assert stored(booth)[-1] == (51, OLD.mark)


async def test_a_charger_whose_clock_is_at_1970_lights_at_once(booth: OcppBooth) -> None:
    charger = await connect(booth)
    charger.behind = booth.clock.now + 1_796_000_000.0
    charger.report(50)
    await booth.write()
    assert stored(booth) == [(50, OLD.mark)]


async def test_after_a_hand_over_readings_get_the_new_mark_from_the_pong_on(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    await hand_over(booth)
    charger.report(100)
    pong(charger)
    booth.let_time_pass(2)
    charger.report(20)
    await booth.write()
    assert stored(booth) == [(20, NEW.mark)]


async def test_a_sample_from_before_the_hand_over_lights_nothing_after_the_pong_either(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    await hand_over(booth)
    pong(charger)
    charger.report(100, ago=5)
    await booth.write()
    assert stored(booth) == [(100, "")]


async def test_a_message_that_began_before_the_pong_keeps_the_old_mark(booth: OcppBooth) -> None:
    charger = await connect(booth)
    await hand_over(booth)
    message = b'[2,"m","MeterValues",{"connectorId":1,"meterValue":[{"sampledValue":['
    charger.send(frame_of(Opcode.TEXT, message, fin=False))
    pong(charger)
    charger.send(frame_of(Opcode.CONT, b'{"measurand":"SoC","value":"90"}]}]}]'))
    await booth.write()
    assert stored(booth) == [(90, OLD.mark)]


async def test_the_result_of_a_later_call_puts_a_mark_in_force_without_a_pong(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    charger.call("Heartbeat")
    await hand_over(booth)
    charger.answer({})  # to a call from before the hand-over
    booth.let_time_pass(1)
    charger.report(90)
    await booth.write()
    assert stored(booth) == [(90, OLD.mark)]
    assert ask_of(charger) == "TriggerMessage"
    charger.answer({"status": "Accepted"})
    booth.let_time_pass(1)
    charger.report(20)
    await booth.write()
    assert stored(booth)[-1] == (20, NEW.mark)


async def test_a_reading_that_waits_for_the_pong_is_asked_for_and_nobody_is_closed(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    charger.report(70)
    await hand_over(booth)
    charger.report(71)
    booth.let_time_pass(4)
    assert charger.close_code is None
    assert ask_of(charger) == "TriggerMessage"


async def test_a_call_that_is_not_answered_is_given_up_after_half_a_minute(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    charger.call("Heartbeat")
    assert [call[2] for call in charger.calls] == ["GetConfiguration"]
    for _ in range(31):
        booth.let_time_pass(1)
        charger.call("Heartbeat")
    assert len(charger.calls) == 2


async def test_one_that_only_answers_pings_is_not_silent_however_late_its_heartbeat_is(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    charger.call("BootNotification")
    (interval,) = [each[2]["interval"] for each in charger.messages if each[0] == 3]
    answered = 0
    for _ in range(2 * interval // 5):
        booth.let_time_pass(5)
        for payload in charger.got(Opcode.PING)[answered:]:
            charger.send(frame_of(Opcode.PONG, payload))
        answered = len(charger.got(Opcode.PING))
    assert (charger.close_code, charger.transport.aborted) == (None, 0)
    booth.let_time_pass(interval)
    assert charger.transport.aborted, "it is silent now"


@pytest.mark.parametrize("leave", ["close", "vanish"])
async def test_a_connection_that_ends_has_no_timer(booth: OcppBooth, leave: str) -> None:
    charger = await connect(booth)
    charger.call("Heartbeat")
    handler: Any = charger.protocol.handler  # type: ignore[union-attr] # it is open
    assert handler.due >= 0
    if leave == "vanish":
        charger.vanish()
    else:
        charger.send(frame_of(Opcode.CLOSE, b"\x03\xe8"))
    assert handler.due == -1


async def test_a_superseded_charger_is_closed_with_its_next_message(booth: OcppBooth) -> None:
    charger = await connect(booth)
    booth.bus.reconcile = lambda _id: b"superseded"
    await booth.reconcile()
    charger.call("Heartbeat")
    assert (charger.close_code, charger.answered) == (4409, [])


@pytest.mark.parametrize(("ago", "age"), [(0, 0), (1, 0), (5, 5)])
async def test_a_sample_of_a_second_ago_counts_as_received_now(
    booth: OcppBooth, ago: float, age: float
) -> None:
    charger = await connect(booth)
    charger.report(50, ago=ago)
    await booth.write()
    (call,) = [call for call in booth.bus.calls if call.script is scripts.STORE]
    assert call.arguments[6] == age * 1_000_000
