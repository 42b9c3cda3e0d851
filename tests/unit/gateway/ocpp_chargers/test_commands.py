"""Operators' commands reach the connection they name, once, while Redis allows it."""

from collections.abc import Callable
from typing import Any

import pytest
from redis.exceptions import ResponseError

from services.gateway import scripts
from services.gateway.known_pairing import KnownPairing
from shared.bus.bus import BusUnavailableError
from shared.contract.charger_commands import Command, CommandName, encode_message
from tests.unit.gateway.chargers.charger_booth import EPOCH, NAMES
from tests.unit.gateway.ocpp_chargers.ocpp_booth import OcppBooth, OcppCharger
from tests.unit.gateway.ocpp_chargers.test_connectors import handler_of

CHANNEL = NAMES.chargers[0].commands
PAIRING = KnownPairing(7, "7-aaaa", 3600.0)


def command(command_id: str = "x1", **more: Any) -> bytes:
    wanted: dict[str, Any] = {
        "charger": "c1",
        "epoch": EPOCH,
        "deadline": 99,
        "command": CommandName.RESET,
    }
    return encode_message(Command(id=command_id, **(wanted | more)))


async def connect(booth: OcppBooth) -> OcppCharger:
    """Connect a charger of which the hub asks nothing by itself."""
    booth.bus.pairing = PAIRING
    charger = OcppCharger(booth, read=PAIRING)
    charger.report(50)
    await booth.write()
    assert charger.calls == []
    return charger


def actions(charger: OcppCharger) -> list[str]:
    return [call[2] for call in charger.calls]


async def test_a_command_is_sent_once_redis_allows_it_and_its_answer_is_told(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    booth.heard.publish(CHANNEL, command())
    assert actions(charger) == []
    await booth.write()
    assert actions(charger) == ["Reset"]
    assert booth.bus.checked == [("c1", EPOCH, 99)]
    charger.answer({"status": "Rejected"})
    await booth.write()
    assert booth.bus.told == [{"id": "x1", "charger": "c1", "status": "Rejected"}]


async def test_a_command_that_comes_twice_is_sent_once(booth: OcppBooth) -> None:
    charger = await connect(booth)
    for _ in range(2):
        booth.heard.publish(CHANNEL, command())
        await booth.write()
        charger.answer({"status": "Accepted"})
    assert actions(charger) == ["Reset"]
    booth.heard.publish(CHANNEL, command("x2"))
    await booth.write()
    assert actions(charger) == ["Reset", "Reset"]


@pytest.mark.parametrize(
    "other", [{"epoch": EPOCH - 1}, {"epoch": EPOCH + 1}, {"charger": "c2"}], ids=str
)
async def test_a_command_to_another_connection_is_not_taken(
    booth: OcppBooth, other: dict[str, Any]
) -> None:
    charger = await connect(booth)
    booth.heard.publish(CHANNEL, command(**other))
    await booth.write()
    assert (actions(charger), booth.bus.checked, booth.bus.told) == ([], [], [])


@pytest.mark.parametrize(
    ("answer", "unsent"),
    [
        (b"superseded", "superseded"),
        (b"0", "late"),
        (ResponseError("WRONGTYPE"), "superseded"),
    ],
)
async def test_what_redis_does_not_allow_is_not_sent(
    booth: OcppBooth, answer: Any, unsent: str
) -> None:
    charger = await connect(booth)
    booth.bus.may_send = lambda: answer
    booth.heard.publish(CHANNEL, command())
    await booth.write()
    assert actions(charger) == []
    assert booth.bus.told == [{"id": "x1", "charger": "c1", "unsent": unsent}]


async def test_a_gateway_that_was_paused_after_it_asked_redis_does_not_send(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)

    def paused() -> bytes:
        booth.clock.now += 3
        return b"2000000"

    booth.bus.may_send = paused
    booth.heard.publish(CHANNEL, command())
    await booth.write()
    assert actions(charger) == []
    assert booth.bus.told == [{"id": "x1", "charger": "c1", "unsent": "late"}]


async def test_a_command_is_not_sent_later_if_redis_was_away(booth: OcppBooth) -> None:
    charger = await connect(booth)
    booth.heard.publish(CHANNEL, command())
    booth.bus.away = True
    await booth.write()
    booth.bus.away = False
    await booth.write()
    assert actions(charger) == []
    booth.heard.publish(CHANNEL, command("x2"))
    await booth.write()
    assert actions(charger) == ["Reset"], "the queue goes on"


def superseded(charger: OcppCharger) -> None:
    handler_of(charger).superseded = True


def closed(charger: OcppCharger) -> None:
    handler_of(charger).close_superseded()


@pytest.mark.parametrize("end", [superseded, closed])
async def test_a_connection_that_counts_no_more_sends_nothing_and_says_so(
    booth: OcppBooth, end: Callable[[OcppCharger], None]
) -> None:
    charger = await connect(booth)
    booth.heard.publish(CHANNEL, command())
    end(charger)
    await booth.write()
    assert actions(charger) == []
    assert booth.bus.told == [{"id": "x1", "charger": "c1", "unsent": "superseded"}]


async def test_too_many_commands_are_refused_at_once(booth: OcppBooth) -> None:
    charger = await connect(booth)
    for number in range(10):
        booth.heard.publish(CHANNEL, command(f"x{number}"))
    await booth.write()
    assert actions(charger) == ["Reset"]
    assert booth.bus.told == [{"id": "x9", "charger": "c1", "unsent": "busy"}]


async def test_a_charger_that_turns_out_to_speak_our_own_dialect_takes_none(
    booth: OcppBooth,
) -> None:
    booth.bus.pairing = PAIRING
    charger = OcppCharger(booth, None, read=PAIRING, needs_subprotocol=False)
    await booth.write()
    booth.heard.publish(CHANNEL, command())
    await booth.write()
    assert charger.messages == []
    assert booth.bus.told == [{"id": "x1", "charger": "c1", "unsent": "not_ocpp"}]


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"id":"x1"}', b"\xff", b"[" * 5000])
async def test_what_is_no_command_is_ignored(booth: OcppBooth, payload: bytes) -> None:
    charger = await connect(booth)
    booth.heard.publish(CHANNEL, payload)
    await booth.write()
    assert actions(charger) == []


async def test_commands_are_heard_only_while_a_charger_speaks_ocpp(booth: OcppBooth) -> None:
    own = OcppCharger(booth, None)
    await booth.write()
    assert booth.heard.wanted == []
    first, second = await connect(booth), await connect(booth)
    assert booth.heard.wanted == [CHANNEL]
    first.vanish()
    assert booth.heard.wanted == [CHANNEL]
    second.vanish()
    assert booth.heard.wanted == []
    own.vanish()


async def test_nothing_is_heard_and_no_connection_opened_before(booth: OcppBooth) -> None:
    await booth.hear()
    assert not booth.heard.has_run
    OcppCharger(booth, None)
    await booth.write()
    await booth.hear()
    assert not booth.heard.has_run
    await connect(booth)
    await booth.hear()
    assert booth.heard.has_run


async def test_an_answer_that_cannot_be_told_stops_nothing(booth: OcppBooth) -> None:
    charger = await connect(booth)
    for answer in ResponseError("NOPERM"), BusUnavailableError("away"):
        booth.bus.publishing_fails = answer
        booth.heard.publish(CHANNEL, command(type(answer).__name__))
        await booth.write()
        charger.answer({"status": "Accepted"})
        await booth.write()
    booth.bus.publishing_fails = None
    booth.heard.publish(CHANNEL, command("x2"))
    await booth.write()
    charger.answer({"status": "Accepted"})
    await booth.write()
    assert [each["id"] for each in booth.bus.told] == ["x2"]


async def test_a_command_to_a_connector_goes_over_its_chargers_connection(
    booth: OcppBooth,
) -> None:
    charger = await connect(booth)
    booth.heard.publish(CHANNEL, command(command=CommandName.UNLOCK, connector=2))
    await booth.write()
    assert charger.calls[0][2:] == ["UnlockConnector", {"connectorId": 2}]


async def test_redis_is_asked_by_the_slot_of_the_charger(booth: OcppBooth) -> None:
    await connect(booth)
    booth.heard.publish(CHANNEL, command())
    await booth.write()
    (call,) = [each for each in booth.bus.calls if each.script is scripts.MAY_SEND]
    assert call.keys == (NAMES.chargers[0].live,)
