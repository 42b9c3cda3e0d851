"""The hub at a glance, from what was seen last: what is shown, and how old it is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.registry.hub.postgres_watch import PostgresLook
from services.registry.hub.redis_watch import (
    HeardInstance,
    Memory,
    RedisLook,
    memory_in,
    read_event,
)
from services.registry.hub.view import SHOWN_EVENTS, BackupsInView, BackupsLook, Hub, Seen, hub_view
from shared.contract.instances import HubEvent, InstanceLine, decode_line, encode_line

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
NOW = 1_795_494_000_000_000


def line(service: str = "registry", **more: Any) -> InstanceLine:
    return InstanceLine(service=service, version="0.1.0", started_at=7, ready=True, **more)


def look(**instances: HeardInstance) -> RedisLook:
    return RedisLook(100.0, NOW, instances, [Memory(50, 100), Memory(7, 0)], transitions=3)


def heard(seconds_ago: float, said: InstanceLine | None) -> HeardInstance:
    return HeardInstance(NOW - round(seconds_ago * 1_000_000), said)


def view(redis: RedisLook | None, *, clock: float = 100.0, **more: Any) -> Hub:
    seen: dict[str, Any] = {
        "registry": "reg1",
        "own_line": line(),
        "partitions": 64,
        "redis": redis,
        "redis_trouble": None,
        "events": [],
        "postgres": None,
        "postgres_trouble": "not there yet",
    }
    return hub_view(Seen(**{**seen, **more}), AT, clock)


def test_ages_grow_while_redis_is_away() -> None:
    redis = look(g1=heard(1.5, line("gateway")))
    assert view(redis).instances[0].age_seconds == 1.5
    away = view(redis, clock=112.0, redis_trouble="refused")
    assert away.instances[0].age_seconds == 13.5
    assert (away.redis.connected, away.redis.reason) == (False, "refused")
    assert away.redis.age_seconds == 12.0


def test_a_registry_knows_of_itself_without_redis() -> None:
    own = line(reason="Postgres is away")
    alone = view(None, own_line=own)
    assert [(each.id, each.age_seconds) for each in alone.instances] == [("reg1", 0)]
    assert (alone.redis.connected, alone.redis.age_seconds) == (False, None)
    both = view(look(reg1=heard(9, line())), own_line=own)
    assert [(each.reason, each.age_seconds) for each in both.instances] == [("Postgres is away", 0)]


def test_a_time_in_the_future_is_not_older_than_nothing() -> None:
    assert view(look(g1=heard(-5, line("gateway")))).instances[0].age_seconds == 0


def test_the_newest_backup_has_an_age_and_one_that_is_not_there_has_none() -> None:
    assert view(None).backups is None
    missing = view(None, backups=BackupsLook(60, None, None)).backups
    assert missing == BackupsInView(every_seconds=60, age_seconds=None, bytes=None)
    found = view(None, backups=BackupsLook(60, AT - timedelta(seconds=90), 700)).backups
    assert found == BackupsInView(every_seconds=60, age_seconds=90, bytes=700)


def test_instances_stand_by_service_and_what_cannot_be_read_stands_last() -> None:
    said = {"x": None, "r1": line("router"), "g2": line("gateway"), "g1": line("gateway")}
    shown = view(look(**{name: heard(1, each) for name, each in said.items()}))
    assert [each.id for each in shown.instances] == ["g1", "g2", "r1", "reg1", "x"]
    unreadable = shown.instances[-1]
    assert (unreadable.ready, unreadable.service, unreadable.age_seconds) == (None, None, 1)


def test_what_waits_is_added_up_and_the_oldest_counts() -> None:
    redis = look(
        g1=heard(1, line("gateway", waiting=2, unstored=1)),
        g2=heard(1, line("gateway", waiting=3, unstored=0)),
        r1=heard(1, line("router", overdue=1, overdue_seconds=2.04)),
        r2=heard(1, line("router", overdue=4, overdue_seconds=9.5)),
    )
    postgres = PostgresLook(99.0, "15.4", 100, 9, 500, unprojected=6)
    shown = view(redis, postgres=postgres, postgres_trouble=None)
    assert shown.waiting.model_dump() == {
        "devices": 5,
        "unstored": 1,
        "overdue": 5,
        "overdue_seconds": 9.5,
        "changes": 6,
        "transitions": 3,
    }
    assert (shown.postgres.connected, shown.postgres.age_seconds) == (True, 1.0)


def test_what_nobody_says_is_not_known() -> None:
    assert set(view(None).waiting.model_dump().values()) == {None}


def test_a_server_without_a_limit_has_none() -> None:
    servers = view(look()).redis.servers
    assert [(each.used_bytes, each.limit_bytes) for each in servers] == [(50, 100), (7, None)]
    info = b"# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\nmaxmemory:0\r\n"
    assert memory_in(info) == Memory(1048576, 0)


def test_the_newest_events_are_shown() -> None:
    events = [HubEvent(f"{n}-0", NOW, "started", "", "") for n in range(SHOWN_EVENTS + 1)]
    shown = view(None, events=events).events
    assert len(shown) == SHOWN_EVENTS
    assert (shown[0].id, shown[0].instance, shown[0].detail) == ("0-0", None, None)


@pytest.mark.parametrize(
    "entry",
    [
        (b"1-0", [b"event", b"lost"]),
        (b"1-0", [b"at", b"soon"]),
        (b"1-0", [b"at", b"9" * 30]),
        (b"x", [b"at", b"1"]),
        (b"1-0", []),
    ],
)
def test_what_was_written_into_the_timeline_by_hand_is_left_out(entry: Any) -> None:
    assert read_event(entry) is None


def test_an_event_is_read_with_what_it_has() -> None:
    found = read_event((b"1-0", [b"at", b"5", b"event", b"\xff", b"detail", b"x" * 5000]))
    assert found == HubEvent("1-0", 5, "\ufffd", "", "x" * 300)


def test_a_line_is_read_as_it_was_written() -> None:
    said = line("router", partitions=3, overdue=0, overdue_seconds=0.0)
    assert decode_line(encode_line(said)) == said
    # A newer version says more.
    assert decode_line(encode_line(said)[:-1] + b',"told":"ready","more":[1]}') == said
