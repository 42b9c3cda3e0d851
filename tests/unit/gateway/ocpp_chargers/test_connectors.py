"""A registered connector is a charger of its own, on the connection of its charger."""

from collections import defaultdict

import pytest
from websockets.frames import Opcode

from services.gateway.known_pairing import KnownPairing
from services.gateway.ocpp_chargers.ocpp_connection import OcppConnection
from tests.unit.gateway.fake_device import frame_of
from tests.unit.gateway.ocpp_chargers.ocpp_booth import OcppBooth, OcppCharger

PAIRING = KnownPairing(7, "7-aaaa", 3600.0)
NEW = KnownPairing(8, "8-bbbb", 0.0)


@pytest.fixture
async def charger(booth: OcppBooth) -> OcppCharger:
    """A charger with the registered connectors 1 and 2, which has its epoch."""
    booth.bus.connectors = {2}
    return await connect(booth)


async def connect(booth: OcppBooth) -> OcppCharger:
    booth.bus.pairing = PAIRING
    charger = OcppCharger(booth, read=PAIRING)
    await booth.write()
    answer_pings(charger)
    return charger


def answer_pings(charger: OcppCharger) -> None:
    for payload in charger.got(Opcode.PING):
        charger.send(frame_of(Opcode.PONG, payload))


def stored(booth: OcppBooth) -> list[tuple[object, float, object]]:
    """Return id, level and mark of what was stored."""
    return [(item[0], float(str(item[3])), item[4]) for item in booth.bus.stored()]


async def test_two_connectors_are_stored_each_for_itself_with_one_epoch(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    for connector, level in (1, 20), (2, 90), (1, 21), (2, 100):
        charger.report(level, connector=connector)
        await booth.write()
    assert stored(booth) == [
        ("c1", 20, PAIRING.mark),
        ("c1:2", 90, PAIRING.mark),
        ("c1", 21, PAIRING.mark),
        ("c1:2", 100, PAIRING.mark),
    ]
    assert len({item[1] for item in booth.bus.stored()}) == 1
    assert charger.answered == ["c1", "c2", "c3", "c4"]


async def test_an_answer_waits_for_all_connectors_before_it(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    booth.bus.store = lambda device_id: b"absent" if device_id == "c1:2" else b"stored"
    charger.report(20, connector=2)
    charger.report(20)
    charger.ping(b"receipt")
    await booth.write()
    assert (charger.answered, charger.got(Opcode.PONG)) == ([], [])
    booth.bus.store = lambda _id: b"stored"
    booth.bus.reconcile = lambda device_id: b"missing" if device_id == "c1:2" else b"kept"
    await booth.reconcile()
    await booth.write()
    assert (charger.answered, charger.got(Opcode.PONG)) == (["c1", "c2"], [b"receipt"])


async def test_a_connector_that_is_not_registered_is_answered_and_lights_nothing(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    charger.report(20, connector=3)
    await booth.write()
    assert (charger.answered, stored(booth)) == (["c1"], [])


@pytest.mark.parametrize("ids", [["c1:3"], []])
async def test_a_connector_may_be_registered_while_its_charger_is_connected(
    booth: OcppBooth, charger: OcppCharger, ids: list[str]
) -> None:
    booth.bus.connectors = {2, 3}
    booth.records.on_directory_change(0, ["c2:3", "c10"])
    await booth.write()
    charger.report(20, connector=3)
    await booth.write()
    assert stored(booth) == []
    booth.records.on_directory_change(0, ids)
    await booth.write()
    charger.report(20, connector=3)
    await booth.write()
    assert [item[0] for item in stored(booth)] == ["c1:3"]


@pytest.mark.parametrize("told_by", ["store", "reconcile"])
async def test_a_connector_may_be_unregistered_and_its_charger_stays(
    booth: OcppBooth, charger: OcppCharger, told_by: str
) -> None:
    charger.report(20)
    await booth.write()
    setattr(booth.bus, told_by, lambda i: b"unregistered" if i == "c1:2" else b"stored")
    if told_by == "reconcile":
        booth.bus.reconcile = lambda i: b"unregistered" if i == "c1:2" else b"kept"
        await booth.reconcile()
    charger.report(90, connector=2)
    await booth.write()
    assert charger.answered == ["c1", "c2"]
    assert charger.close_code is None
    booth.bus.store = lambda _id: b"stored"
    charger.report(91, connector=2)
    await booth.write()
    assert charger.answered == ["c1", "c2", "c3"]
    assert ("c1:2", 91, PAIRING.mark) not in stored(booth)


async def test_a_superseded_connection_can_write_neither(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    booth.bus.store = lambda _id: b"superseded"
    charger.report(90, connector=2)
    await booth.write()
    assert (charger.close_code, charger.answered) == (4409, [])


async def test_a_hand_over_of_one_connector_leaves_the_other_ones_mark(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    connector = handler_of(charger).connectors[2]
    booth.chargers._on_paired(connector, NEW, booth.clock.now)
    charger.report(20)
    charger.report(90, connector=2)
    await booth.write()
    answer_pings(charger)
    booth.let_time_pass(1)
    charger.report(30, connector=2)
    await booth.write()
    assert sorted(stored(booth)) == [
        ("c1", 20, PAIRING.mark),
        ("c1:2", 30, NEW.mark),
        ("c1:2", 90, PAIRING.mark),
    ]


def handler_of(charger: OcppCharger) -> OcppConnection:
    handler = charger.protocol.handler  # type: ignore[union-attr] # it is open
    assert isinstance(handler, OcppConnection)
    return handler


async def test_a_connector_is_asked_for_its_own_level(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    charger.report(20)
    charger.report(90, connector=2, ago=5000)
    for _ in range(4):
        booth.let_time_pass(1)
        charger.call("Heartbeat")
    asked = {"requestedMessage": "MeterValues", "connectorId": 2}
    assert [call[3] for call in charger.calls] == [asked]


async def test_a_message_that_began_before_a_pong_keeps_each_connectors_mark(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    connector = handler_of(charger).connectors[2]
    booth.chargers._on_paired(connector, NEW, booth.clock.now)
    message = b'[2,"m","MeterValues",{"connectorId":2,"meterValue":[{"sampledValue":['
    charger.send(frame_of(Opcode.TEXT, message, fin=False))
    answer_pings(charger)
    charger.send(frame_of(Opcode.CONT, b'{"measurand":"SoC","value":"90"}]}]}]'))
    await booth.write()
    assert stored(booth) == [("c1:2", 90, PAIRING.mark)]


async def test_a_stored_sample_of_a_connector_is_not_replaced_by_an_older_one(
    booth: OcppBooth,
) -> None:
    booth.bus.connectors = {2}
    booth.bus.sampled_ago = {"c1:2": 60}
    charger = await connect(booth)
    charger.report(90, connector=2, ago=600)
    charger.report(20, ago=600)
    await booth.write()
    assert [item[0] for item in stored(booth)] == ["c1"]


async def test_a_clock_49_minutes_behind_keeps_neither_connector_dark(booth: OcppBooth) -> None:
    booth.bus.connectors = {2}
    booth.bus.pairing = recent = PAIRING._replace(age=60.0)
    charger = OcppCharger(booth, read=recent)
    await booth.write()
    answer_pings(charger)
    charger.behind = 49 * 60
    for _ in range(2):
        booth.let_time_pass(30)
        charger.report(20)
        charger.report(90, connector=2)
        await booth.write()
    found = stored(booth)
    assert sorted(found[:2]) == [("c1", 20, ""), ("c1:2", 90, "")]
    assert sorted(found[2:]) == [("c1", 20, PAIRING.mark), ("c1:2", 90, PAIRING.mark)]


async def test_connectors_are_online_while_their_charger_is(
    booth: OcppBooth, charger: OcppCharger
) -> None:
    devices = booth.chargers.devices
    assert {each.device_id for each in devices.of_partition(0)} == {"c1", "c1:2"}
    charger.vanish()
    assert devices.of_partition(0) == []


# What counts as full.


async def test_a_setting_of_a_charger_or_a_connector_is_read_and_followed(
    booth: OcppBooth,
) -> None:
    booth.bus.connectors = {2}
    booth.bus.full_when["c1:2"] = b"suspended"
    charger = await connect(booth)

    async def tell(state: str) -> None:
        booth.let_time_pass(1)
        for connector in (1, 2):
            charger.call("StatusNotification", {"connectorId": connector, "status": state})
        await booth.write()

    await tell("SuspendedEV")
    assert stored(booth) == [("c1:2", 100, PAIRING.mark)]
    booth.bus.full_when = defaultdict(lambda: None, c1=b"suspended")  # not known: as before
    booth.records.on_directory_change(0, ["c1"])
    await booth.write()
    await tell("Charging")
    assert sorted(stored(booth)[1:]) == [("c1", 0, PAIRING.mark), ("c1:2", 0, PAIRING.mark)]
    booth.bus.full_when = defaultdict(lambda: b"reported")
    booth.records.on_directory_change(0, [])
    await booth.write()
    await tell("SuspendedEV")
    assert len(stored(booth)) == 3


async def test_after_a_hand_over_the_state_of_before_lights_nothing_until_a_sample_of_after(
    booth: OcppBooth,
) -> None:
    booth.bus.full_when["c1"] = b"suspended"
    booth.bus.pairing = recent = PAIRING._replace(age=60.0)
    charger = OcppCharger(booth, read=recent)
    await booth.write()
    answer_pings(charger)
    old = {"connectorId": 1, "status": "SuspendedEV", "timestamp": charger.time(600)}
    charger.call("StatusNotification", old)
    await booth.write()
    assert stored(booth) == [("c1", 100, "")]
    charger.report("x")
    await booth.write()
    assert stored(booth)[1:] == [("c1", 100, PAIRING.mark)]
