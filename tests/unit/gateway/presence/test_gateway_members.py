"""Which gateways are alive, and who sweeps up after the dead."""

import pytest

from services.gateway.presence.gateway_members import GatewayMembers, HeartbeatWatch

SECOND = 1_000_000
NOW = 1_700_000_000 * SECOND


@pytest.fixture
def watch() -> HeartbeatWatch:
    return HeartbeatWatch(10.0)


def look(
    watch: HeartbeatWatch, at: float, now: int = NOW, before: int = NOW, **heard: int
) -> GatewayMembers:
    answer = [b"%d" % now, b"%d" % before]
    for name, heartbeat in heard.items():
        answer += [name.encode(), b"%d" % heartbeat]
    return watch.look(answer, at)


def test_a_gateway_whose_heartbeat_stays_the_same_for_too_long_is_dead(
    watch: HeartbeatWatch,
) -> None:
    look(watch, 0.0, a=1, b=1)
    assert look(watch, 10.0, a=2, b=1).dead == {}
    found = look(watch, 10.1, a=2, b=1)
    assert found.dead == {"b": 1}
    assert found.alive == {"a"}
    assert look(watch, 10.2, a=2, b=3).dead == {}


@pytest.mark.parametrize("hours", [-1, 1])
def test_no_gateway_is_dead_because_redis_clock_was_set(watch: HeartbeatWatch, hours: int) -> None:
    look(watch, 0.0, a=NOW, b=NOW)
    now = NOW + hours * 3600 * SECOND
    # The others say so within two seconds; until then their heartbeats are an hour old.
    assert look(watch, 1.0, now, a=now, b=NOW).dead == {}
    assert look(watch, 3.0, now, a=now, b=now).dead == {}
    # One that died just then is noticed all the same.
    assert look(watch, 13.1, now, a=now + 1, b=now).dead == {"b": now}


def test_one_that_just_started_calls_nobody_dead_at_its_first_look(watch: HeartbeatWatch) -> None:
    assert look(watch, 0.0, a=NOW, b=NOW - 3600 * SECOND).dead == {}
    assert look(watch, 10.1, a=NOW, b=NOW - 3600 * SECOND).dead.keys() == {"a", "b"}


@pytest.mark.parametrize(("ago", "alive"), [(10, True), (11, False)])
def test_one_that_slept_or_was_never_heard_of_was_not_alive(
    watch: HeartbeatWatch, ago: int, *, alive: bool
) -> None:
    assert look(watch, 0.0, before=NOW - ago * SECOND, a=NOW).was_alive is alive
    assert not look(watch, 0.0, before=0, a=NOW).was_alive


def test_all_that_live_come_to_the_same_sweeper(watch: HeartbeatWatch) -> None:
    look(watch, 0.0, a=1, b=1, c=1)
    assert look(watch, 5.0, a=1, b=2, c=2).sweeper == "a"
    assert look(watch, 11.0, a=1, b=3, c=3).sweeper == "b"
    assert look(watch, 12.0, a=1, b=3, c=4).sweeper == "b"
