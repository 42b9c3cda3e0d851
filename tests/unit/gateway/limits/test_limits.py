"""The limits as devices meet them, without a socket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import pytest

from services.gateway.auth.authenticator import PendingHandshake
from services.gateway.chargers.charger_connection import charger_endpoint
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.endpoint import Endpoint
from services.gateway.limits.per_id import LimitsPerId
from services.gateway.presence.rejections import Rejections
from services.gateway.settings import GatewaySettings
from services.gateway.widgets.widget_connection import widget_endpoint
from shared.contract.device_protocol import CloseCode
from shared.contract.devices import Kind
from tests.unit.gateway.connection.thing import HEAD, Thing, let_time_pass
from tests.unit.gateway.fake_device import (
    Clock,
    FakeDevice,
    close_of,
    context_of,
    head_of,
    reading_of,
)

Limits = LimitsPerId[DeviceConnection]
MakeEndpoint = Callable[[Limits], Endpoint]


class Nobody:
    """Events that nobody hears."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_: None


def chargers(limits: Limits) -> Endpoint:
    return charger_endpoint(cast("Any", Nobody()), 64, Rejections(), limits=limits)


def widgets(limits: Limits) -> Endpoint:
    return widget_endpoint(cast("Any", Nobody()), Rejections(), limits=limits)


def connect(context: ConnectionContext, endpoint: Endpoint, device_id: str = "d1") -> FakeDevice:
    device = FakeDevice(context, endpoint)
    device.send(head_of(endpoint.dialect.paths[0] + device_id))
    return device


# Those that are not open.


def silent(context: ConnectionContext, count: int) -> list[Thing]:
    return [Thing(context) for _ in range(count)]


def aborted(things: list[Thing]) -> list[int]:
    return [thing.transport.aborted for thing in things]


def test_beyond_the_budget_the_oldest_that_says_nothing_is_cut_off(clock: Clock) -> None:
    context = context_of(clock, max_handshakes=3)
    things = silent(context, 5)
    assert aborted(things) == [1, 1, 0, 0, 0]
    things[-1].send(HEAD)
    assert things[-1].http_status == 101


def test_silent_sockets_take_no_place_of_a_device(clock: Clock) -> None:
    context = context_of(clock, max_connections=1)
    silent(context, 100)
    device = Thing(context)
    device.send(HEAD)
    assert device.http_status == 101


def test_devices_that_are_connected_are_never_cut_off_for_newcomers(clock: Clock) -> None:
    context = context_of(clock, max_handshakes=1)
    devices = silent(context, 1)
    devices[0].send(HEAD)
    silent(context, 100)
    assert aborted(devices) == [0]


def test_one_that_waits_for_the_hub_is_not_cut_off(clock: Clock) -> None:
    context = context_of(clock, max_handshakes=1)
    waiting = Thing(context, lambda *_: None)
    waiting.send(HEAD)
    assert aborted([waiting, *silent(context, 3)]) == [0, 1, 1, 1]


def test_one_whose_bytes_are_not_read_yet_is_not_cut_off(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(clock, max_handshakes=1)
    (spoke,) = silent(context, 1)
    of_it = spoke.handshake._reader
    has_unread = property(lambda reader: reader is of_it)
    monkeypatch.setattr(type(of_it), "has_unread", has_unread)
    assert aborted([spoke, *silent(context, 2)]) == [0, 1, 1]


def test_a_closing_connection_gives_up_its_place_at_once(clock: Clock) -> None:
    context = context_of(clock, max_connections=1)
    old, new = silent(context, 2)
    old.send(HEAD)
    old.connection.close(CloseCode.POLICY, "a test")
    new.send(HEAD)
    assert new.http_status == 101
    assert old.close_code == CloseCode.POLICY
    old.vanish()
    assert list(context.unopened) == []


# Connections of one id.


@pytest.mark.parametrize(
    ("endpoint", "code", "reason"),
    [
        (chargers, CloseCode.SUPERSEDED, b"a newer connection of this charger exists"),
        (widgets, CloseCode.POLICY, b"too many connections of this widget"),
    ],
)
def test_beyond_the_cap_the_oldest_connection_of_an_id_is_closed(
    context: ConnectionContext, endpoint: MakeEndpoint, code: CloseCode, reason: bytes
) -> None:
    served = endpoint(LimitsPerId(2))
    other = connect(context, served, "d2")
    devices = [connect(context, served) for _ in range(4)]
    assert [device.http_status for device in devices] == [101] * 4
    assert [device.close_code for device in devices] == [code, code, None, None]
    assert devices[0].frames[-1].payload[2:] == reason
    assert other.close_code is None


@pytest.mark.parametrize(("kind", "most"), [(Kind.CHARGER, 2), (Kind.WIDGET, 4)])
def test_each_kind_has_the_limits_that_are_set(kind: Kind, most: int) -> None:
    usual: Limits = LimitsPerId.of(GatewaySettings(), kind)
    assert (usual.connections.most, usual.rate.per_minute) == (most, 60)
    own = GatewaySettings(
        connections_per_charger=20, connections_per_widget=40, connects_per_minute=7
    )
    limits: Limits = LimitsPerId.of(own, kind)
    assert (limits.connections.most, limits.rate.per_minute) == (10 * most, 7)


def test_those_that_put_out_others_make_newcomers_wait(context: ConnectionContext) -> None:
    served = widgets(LimitsPerId(1))
    for _ in range(300):
        connect(context, served)
    assert context.failed.wait() > 0


def test_one_that_left_does_not_count(context: ConnectionContext) -> None:
    served = widgets(LimitsPerId(2))
    first, second = connect(context, served), connect(context, served)
    first.vanish()
    second.send(close_of())
    devices = [connect(context, served) for _ in range(2)]
    assert [device.close_code for device in devices] == [None, None]


def test_what_a_charger_said_before_it_is_closed_stays_to_be_stored(
    context: ConnectionContext,
) -> None:
    served = chargers(LimitsPerId(1))
    old = connect(context, served)
    old.send(reading_of(80))
    connect(context, served)
    assert old.close_code == CloseCode.SUPERSEDED
    assert not cast("Any", old.connection).superseded


# Connects of one id.


def test_an_id_that_connects_too_often_is_told_when_to_come_again(
    context: ConnectionContext, clock: Clock
) -> None:
    served = widgets(LimitsPerId(4, 2, clock))
    devices = [connect(context, served) for _ in range(3)]
    assert [device.http_status for device in devices] == [101, 101, 429]
    assert "Retry-After: 30" in devices[-1].http_head
    assert connect(context, served, "d2").http_status == 101


@dataclass
class Deciding:
    """An authenticator that decides at once: who says `right` is who it says."""

    knows_the_id: bool = False

    def __call__(self, handshake: PendingHandshake, _: str, presented: Any) -> None:
        handshake.on_auth_result(
            admitted=presented.secret.get_secret_value() == "right", registered=self.knows_the_id
        )


def with_secret(context: ConnectionContext, endpoint: Endpoint, secret: str) -> FakeDevice:
    device = FakeDevice(context, endpoint)
    device.send(head_of("/chargers/d1", f"Authorization: Bearer {secret}"))
    return device


@pytest.mark.parametrize("registered", [False, True])
def test_only_wrong_secrets_are_slowed_and_none_takes_a_connect(
    context: ConnectionContext, clock: Clock, *, registered: bool
) -> None:
    served = charger_endpoint(
        cast("Any", Nobody()), 64, Rejections(), Deciding(registered), LimitsPerId(2, 1, clock)
    )
    wrong = [with_secret(context, served, "wrong") for _ in range(10)]
    assert [device.http_status for device in wrong] == [401] * 3 + [0] * 7
    assert with_secret(context, served, "right").http_status == 101
    clock.now += 4.5
    context.wheel.advance()
    assert [device.http_status for device in wrong] == [401] * 10


def test_a_stopping_gateway_does_not_wait_with_its_refusals(
    context: ConnectionContext, clock: Clock
) -> None:
    served = charger_endpoint(
        cast("Any", Nobody()), 64, Rejections(), Deciding(), LimitsPerId(2, 0, clock)
    )
    wrong = [with_secret(context, served, "wrong") for _ in range(4)]
    for unopened in context.unopened:
        unopened.close_going_away()
    assert [device.http_status for device in wrong] == [401] * 4


def test_delayed_refusals_are_in_the_budget(clock: Clock) -> None:
    context = context_of(clock, max_handshakes=5)
    served = charger_endpoint(
        cast("Any", Nobody()), 64, Rejections(), Deciding(), LimitsPerId(2, 0, clock)
    )
    wrong = [with_secret(context, served, "wrong") for _ in range(20)]
    assert sum(device.transport.aborted for device in wrong) == 15


# Addresses.


def test_an_address_that_is_not_known_to_be_a_devices_own_is_not_limited(clock: Clock) -> None:
    context = context_of(clock, connections_per_address=1)
    things = silent(context, 3)
    for thing in things:
        thing.send(HEAD)
    assert [thing.http_status for thing in things] == [101] * 3


@pytest.mark.parametrize(("most", "statuses"), [(2, [101, 101, 429]), (0, [101, 101, 101])])
def test_devices_of_one_address_are_limited_without_a_balancer(
    clock: Clock, most: int, statuses: list[int]
) -> None:
    context = context_of(clock, connections_per_address=most, without_balancer=True)
    things = silent(context, 3)
    for thing in things:
        thing.send(HEAD)
    assert [thing.http_status for thing in things] == statuses
    things[0].vanish()
    let_time_pass(things[1], clock, 1)
    again = Thing(context)
    again.send(HEAD)
    assert again.http_status == 101
