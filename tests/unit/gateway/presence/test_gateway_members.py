"""Which gateways are alive, and who sweeps up after the dead."""

import pytest

from services.gateway.presence.gateway_members import GatewayMembers

DEAD = 10


def members(now: int, before: int, **heard: int) -> GatewayMembers:
    words = [now, before]
    answer = [b"%d" % word for word in words]
    for name, at in heard.items():
        answer += [name.encode(), b"%d" % at]
    return GatewayMembers.parse(answer, DEAD)


def test_a_gateway_not_heard_of_for_too_long_is_dead() -> None:
    found = members(100, 98, a=100, b=90, c=89)
    assert found.alive == {"a", "b"}
    assert found.dead == {"c": 89}
    assert found.was_alive


@pytest.mark.parametrize(
    ("now", "before", "alive"), [(100, 90, True), (100, 89, False), (5, 0, False), (100, 0, False)]
)
def test_one_that_slept_or_was_never_heard_of_was_not_alive(
    now: int, before: int, *, alive: bool
) -> None:
    assert members(now, before, a=now).was_alive is alive


def test_all_that_live_come_to_the_same_sweeper() -> None:
    heard = {"b": 100, "c": 99, "a": 50}
    assert members(100, 99, **heard).sweeper == "b"
    assert members(101, 99, **{**heard, "c": 101}).sweeper == "b"
