"""``chargelight hub``: the screen, the lines of ``--watch``, and JSON."""

import json
import socket
import time
from typing import Any

import httpx
import pytest

from services.cli import session, watching
from services.cli.api import Api
from services.cli.hub import screen
from services.cli.output import size
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_registry import FakeRegistry

AT = "2026-11-24T08:00:00Z"


def instance(name: str, service: str = "gateway", **more: object) -> dict[str, Any]:
    figures = (
        *("connections", "connections_max", "waiting", "unstored"),
        *("partitions", "overdue", "overdue_seconds", "reason"),
    )
    return {
        "id": name,
        "service": service,
        "version": "0.1.0",
        "started_at": AT,
        "ready": True,
        "age_seconds": 1.2,
        **dict.fromkeys(figures),
        **more,
    }


def event(number: int, kind: str, name: str | None = "g1", detail: str | None = None) -> Any:
    return {"id": f"{number}-0", "at": AT, "event": kind, "instance": name, "detail": detail}


GATEWAY = instance("g1", connections=5, connections_max=100)
ROUTER = instance("r1", "router", partitions=64, overdue=0, overdue_seconds=0.0)


def hub(*instances: dict[str, Any], **more: object) -> dict[str, Any]:
    waiting = dict.fromkeys(
        ("devices", "unstored", "overdue", "overdue_seconds", "changes", "transitions"), 0
    )
    redis = {"connected": True, "reason": None, "age_seconds": 0.5}
    postgres = {"connected": True, "reason": None, "age_seconds": 1.0, "version": "15.4"}
    return {
        "at": AT,
        "registry": "reg1",
        "partitions": 64,
        "redis": {**redis, "servers": [{"used_bytes": 2 * 1024**2, "limit_bytes": 4 * 1024**2}]},
        "postgres": {**postgres, "connections": 9, "connections_max": 100, "size_bytes": 500},
        "instances": list(instances or (GATEWAY, ROUTER)),
        "waiting": waiting,
        "events": [event(1, "started", detail="0.1.0")],
        **more,
    }


def head_of(answer: dict[str, Any]) -> dict[str, str]:
    lines = (line.plain.split(None, 1) for line in screen.head(answer))
    return {words[0]: "".join(words[1:]) for words in lines}


def is_alarming(answer: dict[str, Any], name: str) -> bool:
    (line,) = (line for line in screen.head(answer) if line.plain.startswith(name))
    return any("red" in str(span.style) for span in line.spans)


def test_all_is_on_one_screen(run: Run, registry: FakeRegistry) -> None:
    registry.answers(hub())
    ran = run("hub")
    assert (ran.code, ran.errors) == (0, "")
    assert list(registry.asked()) == [("GET", "/hub")]
    words = [line.split() for line in ran.output.splitlines()]
    assert words[:9] == [
        ["Version", "0.1.0"],
        ["Redis", "answers", "2.0", "MiB", "of", "4.0", "MiB"],
        ["Postgres", "answers", "15.4,", "9", "of", "100", "connections,", "500", "B"],
        ["Partitions", "64", "of", "64", "have", "a", "router"],
        ["Waiting", "nothing"],
        [],
        ["service", "id", "state", "connections", "partitions", "oldest", "pending"],
        ["gateway", "g1", "ready", "5", "of", "100", "-", "-"],
        ["router", "r1", "ready", "-", "64", "none"],
    ]
    assert words[10][-3:] == ["g1", "started:", "0.1.0"]


@pytest.mark.parametrize(
    ("newest", "said", "style"),
    [
        ({"age_seconds": 7200.0, "bytes": 1024}, "2 h 0 min old, 1.0 KiB", "as usual"),
        ({"age_seconds": 7201.0, "bytes": 1024}, "2 h 0 min old, 1.0 KiB", "alarming"),
        ({"age_seconds": None, "bytes": None}, "there is none", "alarming"),
    ],
)
def test_the_age_of_the_newest_backup_is_told(
    newest: dict[str, Any], said: str, style: str
) -> None:
    answer = hub(backups={"every_seconds": 3600.0, **newest})
    assert head_of(answer)["Backup"] == said
    assert is_alarming(answer, "Backup") is (style == "alarming")


def test_nothing_is_told_of_backups_that_nobody_takes() -> None:
    assert "Backup" not in head_of(hub()) | head_of(hub(backups=None))


def test_a_program_gets_what_the_registry_answered(run: Run, registry: FakeRegistry) -> None:
    registry.answers(hub())
    ran = run("hub", "--json")
    assert (ran.code, json.loads(ran.output)) == (0, hub())


def test_a_registry_that_hangs_is_not_waited_for_as_long_as_for_other_answers(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "Api", Api)  # in place of the fake registry's
    with socket.create_server(("127.0.0.1", 0)) as hangs:  # the kernel accepts, nobody answers
        url = f"http://127.0.0.1:{hangs.getsockname()[1]}"
        began = time.monotonic()
        ran = run("hub", "--url", url)
        assert time.monotonic() - began < 15
    assert ran.code == 3
    assert ran.explains(f"no registry answers at {url} (it takes connections", "it hangs")


def test_versions_are_in_the_table_if_they_differ(run: Run, registry: FakeRegistry) -> None:
    registry.answers(hub(GATEWAY, instance("g2", version="0.2.0")))
    ran = run("hub")
    assert "Version     0.1.0, 0.2.0" in ran.output
    assert "g2  0.2.0" in ran.output


def test_one_that_is_not_ready_is_told_why(run: Run, registry: FakeRegistry) -> None:
    registry.answers(hub(instance("g1", ready=False, reason="no connection\x1b[31m")))
    ran = run("hub")
    assert "g1 is not ready: no connection\\x1b[31m" in ran.output


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({}, "ready"),
        ({"ready": False}, "not ready"),
        ({"age_seconds": 7.0}, "silent for 7 s"),
        ({"ready": None, "service": None, "version": None}, "cannot be read"),
    ],
)
def test_the_state_of_an_instance_is_a_word_or_two(more: dict[str, Any], state: str) -> None:
    assert screen.state_of(instance("g1", **more)).plain == state


def test_what_is_away_is_told_with_what_was_known() -> None:
    redis = {**hub()["redis"], "connected": False, "reason": "refused", "age_seconds": 12.3}
    postgres = dict.fromkeys(hub()["postgres"]) | {"connected": False, "reason": "no route"}
    said = head_of(hub(redis=redis, postgres=postgres))
    assert said["Redis"] == "away for 12 s: refused; before that: 2.0 MiB of 4.0 MiB"
    assert said["Postgres"] == "away since this registry started: no route"


def test_what_is_nearly_full_or_missing_is_red() -> None:
    usual = hub()
    full = {**usual["redis"], "servers": [{"used_bytes": 86, "limit_bytes": 100}]}
    unlimited = {**usual["redis"], "servers": [{"used_bytes": 86, "limit_bytes": None}]}
    assert is_alarming(hub(redis=full), "Redis")
    assert not is_alarming(usual, "Redis")
    assert head_of(hub(redis=unlimited))["Redis"] == "answers  86 B, without a limit"
    without_router = hub(GATEWAY)
    assert is_alarming(without_router, "Partitions")
    assert head_of(without_router)["Partitions"] == "0 of 64 have a router"
    assert not is_alarming(usual, "Partitions")


def test_partitions_of_a_silent_router_have_none_unless_all_is_as_old() -> None:
    silent = {**ROUTER, "age_seconds": 9.0}
    assert head_of(hub(silent))["Partitions"] == "0 of 64 have a router"
    away = {**hub()["redis"], "connected": False, "reason": "refused", "age_seconds": 8.0}
    assert head_of(hub(silent, redis=away))["Partitions"] == "64 of 64 have a router"
    # One was killed, and another has taken over.
    both = hub(ROUTER, {**ROUTER, "id": "r2"})
    assert head_of(both)["Partitions"] == "64 of 64 have a router"


def test_what_waits_is_told_the_lights_first() -> None:
    waiting = {**hub()["waiting"], "overdue": 3, "overdue_seconds": 4.5, "devices": 2}
    assert head_of(hub(waiting=waiting))["Waiting"] == (
        "3 chargers wait for a router, the oldest 4.5 s; "
        "2 connections wait because the directory is not in Redis"
    )
    router = instance("r1", "router", partitions=64, overdue=3, overdue_seconds=4.5)
    assert screen._oldest(router) == "4.5 s, of 3"


@pytest.mark.parametrize(
    ("happened", "text"),
    [
        (event(1, "lost"), "g1 is lost: not heard of for 10 s"),
        (event(1, "not_ready", detail="stopping"), "g1 is not ready: stopping"),
        (event(1, "silence", None, "12"), "nothing was heard of any instance for 12 s"),
        (event(1, "redis_emptied", None), "Redis was emptied"),
        (event(1, "of a newer version"), "g1 of a newer version"),
    ],
)
def test_events_are_sentences(happened: dict[str, Any], text: str) -> None:
    assert screen.event_text(happened) == text


def test_away_from_a_terminal_watching_tells_what_changes(
    run: Run, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [event(2, "lost", "r1"), event(1, "started", detail="0.1.0")]
    later = {**GATEWAY, "connections": 7, "age_seconds": 0.3}
    looks = [hub(), hub(later, ROUTER), hub(GATEWAY, events=lost), hub(GATEWAY, events=lost[:1])]
    pauses = iter(looks[1:])

    def pause() -> None:
        if next(pauses, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching, "pause", pause)
    registry.answers(*(httpx.Response(200, json=look) for look in looks))
    ran = run("hub", "--watch", "--json")
    assert ran.code == 130
    said = [json.loads(line) for line in ran.output.splitlines()]
    assert [each["id"] for each in said] == [
        *("redis", "postgres", "g1", "r1", "1-0"),  # as it was
        *("2-0", "r1"),
    ]
    assert said[-1] == {"id": "r1", "gone": True}
    assert said[-2] == lost[0]


def test_sizes_are_in_the_unit_that_people_use() -> None:
    assert [size(each) for each in (0, 1023, 1024, 5 * 1024**3, 3000 * 1024**4)] == [
        *("0 B", "1023 B", "1.0 KiB", "5.0 GiB", "3000.0 TiB")
    ]
