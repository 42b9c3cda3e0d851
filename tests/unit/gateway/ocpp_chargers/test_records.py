"""Transactions are stored before they are answered, and read by the next connection."""

import json
from typing import Any

import pytest
from redis.exceptions import ResponseError

from services.gateway.known_pairing import KnownPairing
from shared.bus.bus import BusUnavailableError
from shared.bus.script import Call
from tests.unit.gateway.ocpp_chargers.ocpp_booth import OcppBooth, OcppBus, OcppCharger

PAIRING = KnownPairing(7, "7-aaaa", 3600.0)
START = {"connectorId": 1, "idTag": "04E1", "meterStart": 0, "timestamp": "2026-11-30T10:00:00Z"}


async def connect(booth: OcppBooth) -> OcppCharger:
    booth.bus.pairing = PAIRING
    charger = OcppCharger(booth, read=PAIRING)
    await booth.write()
    return charger


def last_result(charger: OcppCharger) -> Any:
    return charger.messages[-1][2]


async def test_a_start_is_answered_once_it_is_stored(booth: OcppBooth) -> None:
    charger = await connect(booth)
    booth.bus.away = True
    message_id = charger.call("StartTransaction", START)
    await booth.write()
    assert charger.answered == []
    booth.bus.away = False
    await booth.write()
    assert charger.answered == [message_id]
    (stored,) = json.loads(booth.bus.transactions["c1"] or b"")
    assert stored[:2] == [str(last_result(charger)["transactionId"]), 1]


async def test_a_start_that_is_repeated_to_another_gateway_has_the_same_id(
    booth: OcppBooth,
) -> None:
    first = await connect(booth)
    first.call("StartTransaction", START)
    await booth.write()
    booth.let_time_pass(3)
    second = await connect(booth)
    second.call("StartTransaction", START)
    await booth.write()
    assert last_result(second) == last_result(first)


async def test_a_redis_that_was_emptied_gets_them_again(booth: OcppBooth) -> None:
    charger = await connect(booth)
    charger.call("StartTransaction", START)
    await booth.write()
    for lose in booth.bus.reconnected[-1], lambda: booth.records.on_directory_change(0, []):
        stored = booth.bus.transactions.pop("c1")
        lose()
        await booth.write()
        assert booth.bus.transactions["c1"] == stored


async def test_a_redis_that_was_emptied_hears_again_what_a_charger_is(booth: OcppBooth) -> None:
    await connect(booth)
    await booth.records.tell_all()
    for lose in booth.bus.reconnected[-1], lambda: booth.records.on_directory_change(0, []):
        known = booth.bus.known.pop("c1")
        await booth.records.tell_all()
        assert booth.bus.known == {}, "nothing is new"
        lose()
        await booth.records.tell_all()
        assert booth.bus.known == {"c1": known}


async def test_another_change_of_the_directory_and_another_charger_write_nothing(
    booth: OcppBooth,
) -> None:
    await connect(booth)
    booth.records.on_directory_change(0, ["c1"])
    booth.records.on_directory_change(0, [])
    await booth.write()
    assert booth.bus.transactions == {}


async def test_what_one_connection_recalled_is_what_it_stores_again(booth: OcppBooth) -> None:
    booth.bus.transactions["c1"] = b'[["5",2]]'
    charger = await connect(booth)
    del booth.bus.transactions["c1"]
    booth.bus.reconnected[-1]()
    await booth.write()
    assert booth.bus.transactions["c1"] == b'[["5",2]]'
    charger.vanish()
    del booth.bus.transactions["c1"]
    booth.bus.reconnected[-1]()
    await booth.write()
    assert booth.bus.transactions == {}


async def test_a_transaction_that_is_superseded_is_not_answered(booth: OcppBooth) -> None:
    charger = await connect(booth)
    booth.bus.transactions["c1"] = None
    charger.call("StartTransaction", START)
    await booth.write()
    assert (charger.close_code, charger.answered) == (4409, [])


async def test_a_superseded_connection_that_recalls_is_told_nothing(booth: OcppBooth) -> None:
    booth.bus.transactions["c1"] = None
    charger = OcppCharger(booth, read=PAIRING)
    charger.call("BootNotification")
    await booth.write()
    assert charger.answered == []


async def test_a_sample_older_than_the_stored_reading_is_answered_and_not_stored(
    booth: OcppBooth,
) -> None:
    booth.bus.sampled_ago["c1"] = 60
    charger = await connect(booth)
    old = charger.report(90, ago=600)
    await booth.write()
    assert charger.answered == [old]
    assert booth.bus.stored() == []
    charger.report(91)
    await booth.write()
    assert len(booth.bus.stored()) == 1


async def test_a_key_of_another_type_keeps_no_light_dark(booth: OcppBooth) -> None:
    class Broken(OcppBus):
        def answer_call(self, call: Call) -> Any:
            if call.script.name in {"recall", "remember"}:
                return ResponseError("WRONGTYPE")
            return super().answer_call(call)

    booth.records.bus = Broken()
    charger = await connect(booth)
    reading = charger.report(80)
    charger.call("StartTransaction", START)
    await booth.write()
    assert charger.answered == [reading]


async def test_what_a_charger_says_of_itself_is_stored_for_explain(booth: OcppBooth) -> None:
    charger = OcppCharger(booth, read=PAIRING)
    boot = {"chargePointVendor": "Volt", "chargePointModel": "One", "firmwareVersion": "1.2"}
    charger.call("BootNotification", boot)
    charger.call("StatusNotification", {"connectorId": 2, "status": "Available"})
    await booth.write()
    await booth.records.tell_all()
    handler: Any = charger.protocol.handler  # type: ignore[union-attr] # it is open
    assert booth.bus.known["c1"] == {
        "epoch": handler.epoch,
        "dialect": "ocpp1.6",
        "vendor": "Volt",
        "model": "One",
        "firmware": "1.2",
        "states": {"2": "Available"},
        "reporting": [],
        "notes": {},
        "full_when": {},
        "by_setting": [],
    }
    charger.report(50)
    charger.report(50, connector=2)
    await booth.records.tell_all()
    assert booth.bus.known["c1"]["reporting"] == [1, 2]
    assert "connector 2 is not registered" in booth.bus.known["c1"]["notes"]["not_registered"]


async def test_while_redis_is_away_what_is_new_is_kept(booth: OcppBooth) -> None:
    charger = await connect(booth)
    booth.bus.away = True
    charger.call("StatusNotification", {"connectorId": 1, "status": "Charging"})
    with pytest.raises(BusUnavailableError):
        await booth.records.tell_all()
    booth.bus.away = False
    await booth.records.tell_all()
    assert booth.bus.known["c1"]["states"] == {"1": "Charging"}
    booth.bus.known.clear()
    await booth.records.tell_all()
    assert booth.bus.known == {}, "there is nothing new"
