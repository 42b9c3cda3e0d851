"""A gateway that stops sends its devices off, a few at a time, and forgets nothing."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from websockets.frames import Opcode

from services.gateway import drain as module
from services.gateway.auth.authenticator import Authenticate, PendingHandshake
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.drain import drain
from services.gateway.presence.rejections import Rejections
from services.gateway.widgets.widget_connection import WidgetConnection, widget_endpoint
from shared.contract.device_protocol import CloseCode
from tests.unit.gateway.fake_device import FakeDevice, close_of, head_of


class Nobody:
    """Does not care about widgets."""

    def on_connected(self, widget: WidgetConnection) -> None:
        """Do nothing."""

    def on_disconnected(self, widget: WidgetConnection) -> None:
        """Do nothing."""


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept each time; no time goes by."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=sleep))
    return found


def newcomer(context: ConnectionContext, authenticate: Authenticate | None = None) -> FakeDevice:
    return FakeDevice(context, widget_endpoint(Nobody(), Rejections(), authenticate))


def device(
    context: ConnectionContext, number: int = 1, authenticate: Authenticate | None = None
) -> FakeDevice:
    found = newcomer(context, authenticate)
    found.send(head_of(f"/widgets/w{number}"))
    return found


async def drained(
    context: ConnectionContext, seconds: float, all_stored: Sequence[bool] = (True,)
) -> None:
    """Drain chargers that answer with these one after the other, then with the last."""
    answers = list(all_stored)

    class Chargers(SimpleNamespace):
        @property
        def all_stored(self) -> bool:
            return answers.pop(0) if len(answers) > 1 else answers[0]

    await drain(context, Chargers(), seconds)  # type: ignore[arg-type]


async def test_all_are_closed_as_going_away(context: ConnectionContext, slept: list[float]) -> None:
    devices = [device(context, number) for number in range(5)]
    await drained(context, 0)
    assert [one.close_code for one in devices] == [CloseCode.GOING_AWAY] * 5
    assert slept


async def test_closes_are_spread_over_the_time(
    context: ConnectionContext, slept: list[float]
) -> None:
    for number in range(50):
        device(context, number)
    await drained(context, 5)
    assert slept[:50] == pytest.approx([0.1] * 50)


async def test_many_closes_are_grouped_into_steps(
    context: ConnectionContext, slept: list[float]
) -> None:
    for number in range(400):
        device(context, number)
    await drained(context, 1)
    between = [seconds for seconds in slept if seconds < 0.02][:100]
    assert between == pytest.approx([0.01] * 100)


async def test_the_last_readings_are_waited_for(
    context: ConnectionContext, slept: list[float]
) -> None:
    await drained(context, 0, [False, False, False, True])
    assert len(slept) == 3


async def test_a_redis_that_is_away_holds_the_drain_up_for_a_second_only(
    context: ConnectionContext, slept: list[float]
) -> None:
    await drained(context, 0, [False])
    assert sum(slept) == pytest.approx(1)


async def test_a_device_that_does_not_answer_the_close_is_cut_off_at_last(
    context: ConnectionContext, slept: list[float]
) -> None:
    stubborn, shaking_hands = device(context), newcomer(context)
    await drained(context, 0)
    assert stubborn.transport.aborted == 1
    assert shaking_hands.transport.aborted == 1
    assert sum(slept) == pytest.approx(1)


async def test_a_device_that_answers_is_not_cut_off(
    context: ConnectionContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    polite = device(context)

    async def sleep(_: float) -> None:
        if polite.got(Opcode.CLOSE) and not polite.transport.ended:
            polite.send(close_of(1001))
            polite.protocol.connection_lost(None)

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=sleep))
    await drained(context, 0)
    assert polite.transport.aborted == 0
    assert not context.connections


async def test_without_devices_a_drain_takes_no_time(
    context: ConnectionContext, slept: list[float]
) -> None:
    await drained(context, 30)
    assert slept == []


async def test_a_handshake_that_waits_is_told_to_come_back(
    context: ConnectionContext, slept: list[float]
) -> None:
    pending: list[PendingHandshake] = []
    waiting = device(context, authenticate=lambda handshake, *_: pending.append(handshake))
    pending[0].on_auth_deferred()
    context.draining = True
    await drained(context, 0)
    assert waiting.http_status == 503
    assert "Retry-After: 1" in waiting.http_head
    assert not context.waiting
    pending[0].on_auth_result(admitted=True)
    assert waiting.http_status == 503
    assert b" 101 " not in waiting.transport.written
    assert slept
