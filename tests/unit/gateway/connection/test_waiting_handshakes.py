"""Handshakes that wait for their turn: what counts meanwhile, and how that ends."""

from typing import TYPE_CHECKING

import pytest
from websockets.frames import Opcode

from services.gateway.connection import handshake
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.websocket_protocol import DeviceProtocol
from services.gateway.settings import GatewaySettings
from tests.unit.gateway.connection.thing import HEAD, Thing, let_time_pass
from tests.unit.gateway.fake_device import Clock, frame_of, head_of
from tests.unit.shared.no_delay import LongestDelay

if TYPE_CHECKING:
    from collections.abc import Callable

_IN_ONE_TURN = 8


class Crowd:
    """So many come that the next one must wait."""

    def __init__(self, clock: Clock, **settings: object) -> None:
        self._turns: list[Callable[[], None]] = []
        validated = GatewaySettings.model_validate(settings)
        self.context = ConnectionContext(
            validated, clock, LongestDelay(), call_soon=self._turns.append
        )
        self.first = [self.come() for _ in range(_IN_ONE_TURN)]

    def come(self, head: bytes = HEAD) -> Thing:
        thing = Thing(self.context)
        thing.send(head)
        return thing

    def next_turn(self) -> None:
        turns, self._turns[:] = tuple(self._turns), ()
        for call in turns:
            call()


@pytest.fixture
def crowd(clock: Clock) -> Crowd:
    return Crowd(clock)


def test_the_first_are_answered_at_once_and_the_next_in_its_turn(crowd: Crowd) -> None:
    waiting = crowd.come()
    assert [thing.http_status for thing in crowd.first] == [101] * _IN_ONE_TURN
    assert waiting.http_status == 0
    crowd.next_turn()
    assert waiting.http_status == 101


def test_all_that_it_sends_meanwhile_counts_and_is_not_read_before(crowd: Crowd) -> None:
    waiting = crowd.come(HEAD + frame_of(Opcode.TEXT, b"early"))
    waiting.say(b"late")
    assert waiting.on_the_way
    crowd.next_turn()
    waiting.arrive()
    assert waiting.messages == [b"early", b"late"]


def test_one_that_ends_meanwhile_is_not_answered(crowd: Crowd) -> None:
    waiting, other = crowd.come(), crowd.come()
    waiting.vanish()
    crowd.next_turn()
    assert (waiting.http_status, other.http_status) == (0, 101)
    assert not len(crowd.context.unopened)


def test_a_stopping_gateway_asks_it_to_come_again(crowd: Crowd) -> None:
    waiting = crowd.come()
    crowd.context.draining = True
    for connection in crowd.context.unopened:
        connection.close_going_away()
    assert waiting.http_status == 503
    crowd.next_turn()
    assert waiting.told == []


def test_one_whose_turn_does_not_come_is_asked_to_come_again(crowd: Crowd, clock: Clock) -> None:
    waiting = crowd.come()
    let_time_pass(waiting, clock, 6)
    assert waiting.http_status == 503
    assert "Retry-After: 5" in waiting.http_head
    crowd.next_turn()
    assert waiting.told == []


def test_those_that_wait_take_no_place_of_devices_that_are_about_to_speak(clock: Clock) -> None:
    crowd = Crowd(clock, max_handshakes=2)
    waiting = [crowd.come() for _ in range(6)]
    silent = [crowd.come(b"") for _ in range(3)]
    assert not any(thing.transport.aborted for thing in waiting)
    assert [thing.transport.aborted for thing in silent] == [1, 0, 0]  # one too many


def test_beyond_those_that_may_wait_it_is_cut_off(clock: Clock) -> None:
    crowd = Crowd(clock, max_handshakes=5)
    waiting = [crowd.come() for _ in range(15)]
    assert not any(thing.transport.aborted for thing in waiting)
    assert crowd.come().transport.aborted
    crowd.next_turn()
    crowd.next_turn()
    assert [thing.http_status for thing in waiting] == [101] * 15


def test_until_its_turn_it_takes_no_time_for_its_protocol(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[DeviceProtocol] = []

    def make() -> DeviceProtocol:
        made.append(DeviceProtocol())
        return made[-1]

    monkeypatch.setattr(handshake, "DeviceProtocol", make)
    waiting, _ = crowd.come(), crowd.come(b"")
    assert made == []
    crowd.next_turn()
    assert (waiting.http_status, len(made)) == (101, 1)


def test_those_that_are_refused_make_newcomers_wait(crowd: Crowd) -> None:
    for _ in range(300):
        refused = crowd.come(head_of("/no-things/t1"))
        crowd.next_turn()
        assert refused.http_status == 404
    assert crowd.context.failed.wait() > 0


@pytest.mark.parametrize(("without_balancer", "status"), [(True, 0), (False, 101)])
async def test_where_addresses_are_not_known_nobody_waits_because_others_fail(
    clock: Clock, status: int, *, without_balancer: bool
) -> None:
    crowd = Crowd(clock, without_balancer=without_balancer)
    crowd.next_turn()
    for _ in range(10_000):
        crowd.context.failed.count(is_tls=False)
    assert crowd.come().http_status == status
