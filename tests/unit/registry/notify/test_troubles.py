"""Which troubles a registry sees, and when it takes them for true."""

from typing import Any

import msgspec

from services.registry.hub.view import Hub
from services.registry.notify.conditions.troubles import (
    GATEWAYS,
    LIGHTS,
    REDIS,
    ROUTERS,
    Lasting,
    troubles_of,
)
from shared.contract.instances import InstanceLine
from tests.unit.registry.test_hub_view import heard, line, look, view

GATEWAY = line("gateway")
ROUTERS_LINE = line("router", partitions=64, overdue=0, overdue_seconds=0.0)


def hub(**said: tuple[float, InstanceLine]) -> Hub:
    instances = {"g1": (1.0, GATEWAY), "r1": (1.0, ROUTERS_LINE)} | said
    return view(look(**{name: heard(age, each) for name, (age, each) in instances.items()}))


def wrong(hub: Hub) -> set[str]:
    return {name for name, text in troubles_of(hub).items() if text}


def test_nothing_is_wrong_with_a_hub_that_works() -> None:
    assert troubles_of(hub()) == dict.fromkeys((REDIS, GATEWAYS, ROUTERS, LIGHTS))


def test_each_trouble_has_its_name() -> None:
    not_ready = msgspec.structs.replace(GATEWAY, ready=False, reason="no directory")
    assert wrong(hub(g1=(1, not_ready))) == {GATEWAYS}
    assert wrong(hub(g1=(11, GATEWAY))) == {GATEWAYS}, "it has not been heard of"
    assert wrong(hub(g1=(1, not_ready), g2=(1, GATEWAY))) == set()
    assert wrong(hub(r1=(1, line("router", partitions=63)))) == {ROUTERS}
    assert wrong(hub(r1=(11, ROUTERS_LINE), r2=(1, line("router", partitions=10)))) == {ROUTERS}
    assert wrong(hub(r2=(1, line("router", partitions=0, overdue=1, overdue_seconds=5.5)))) == {
        LIGHTS
    }


def test_while_redis_is_away_nothing_else_is_known() -> None:
    away = view(look(), redis_trouble="Connection refused")
    assert set(troubles_of(away)) == {REDIS}
    assert "Connection refused" in str(troubles_of(away)[REDIS])


def test_a_change_counts_once_it_has_lasted() -> None:
    lasting = Lasting(30)
    assert lasting.changed({"a": True}, set(), 0) == {}
    assert lasting.changed({"a": True}, set(), 29) == {}
    assert lasting.changed({"a": True}, set(), 30) == {"a": True}
    assert lasting.changed({"a": True}, {"a"}, 31) == {}
    assert lasting.changed({"a": False}, {"a"}, 40) == {}
    assert lasting.changed({"a": False}, {"a"}, 70) == {"a": False}


def test_what_comes_and_goes_begins_from_the_start() -> None:
    lasting = Lasting(30)
    seen: list[tuple[float, dict[str, Any]]] = [
        (0, {"a": True}),
        (20, {"a": False}),
        (29, {"a": True}),
        (58, {"a": True}),
    ]
    assert [lasting.changed(value, set(), at) for at, value in seen] == [{}] * 4


def test_what_is_not_known_for_a_while_goes_on_where_it_was() -> None:
    lasting = Lasting(30)
    lasting.changed({"a": True}, set(), 0)
    assert lasting.changed({}, set(), 20) == {}
    assert lasting.changed({"a": True}, set(), 30) == {"a": True}
