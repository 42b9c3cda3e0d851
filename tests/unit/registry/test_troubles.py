"""What keeps parts from their work is said once, counted for /readyz, and survived."""

import random
from typing import Any

import pytest
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from services.registry.postgres import troubles as module
from services.registry.postgres.conditions import (
    AWAY,
    HUNG,
    LOCKED,
    RIGHTS,
    UNEXPECTED,
    PostgresUnavailableError,
)
from services.registry.postgres.troubles import Attempts, Expected, Troubles
from shared.bus.bus import BusUnavailableError


def said(lines: list[Any]) -> list[tuple[str, str]]:
    return [(each["log_level"], each["event"]) for each in lines]


def test_what_several_parts_suffer_from_is_said_once() -> None:
    troubles = Troubles()
    with capture_logs() as lines:
        troubles.begin("projector", PostgresUnavailableError("connection refused", AWAY))
        troubles.begin("expiry", PostgresUnavailableError("no answer", HUNG))
        troubles.begin("expiry", PostgresUnavailableError("no answer", HUNG))
        troubles.end("projector")
        assert troubles.not_ready_because is not None
        troubles.end("expiry")
        troubles.end("expiry")
    assert said(lines) == [("warning", "postgres is away"), ("info", "postgres is there")]
    assert troubles.not_ready_because is None


def test_one_trouble_after_the_other_is_said() -> None:
    troubles = Troubles()
    with capture_logs() as lines:
        troubles.begin("projector", PostgresUnavailableError("connection refused", AWAY))
        troubles.begin("projector", PostgresUnavailableError("permission denied", RIGHTS))
        troubles.end("projector")
    assert said(lines) == [
        ("warning", "postgres is away"),
        ("warning", "postgres refuses"),
        ("info", "postgres is there"),
        ("info", "postgres no longer refuses"),
    ]


def test_the_reason_says_what_to_do() -> None:
    troubles = Troubles()
    troubles.begin("projector", PostgresUnavailableError("permission denied", RIGHTS))
    reason = troubles.not_ready_because
    assert reason is not None
    assert "permission denied" in reason
    assert RIGHTS.remedy in reason


def test_a_bug_has_a_traceback() -> None:
    error = PostgresUnavailableError("syntax error", UNEXPECTED)
    with capture_logs() as lines:
        Troubles().begin("projector", error)
    assert said(lines) == [("error", "postgres refuses")]
    assert lines[0]["exc_info"] is error


def test_redis_away_is_said_by_the_bus_and_takes_no_readiness() -> None:
    troubles = Troubles()
    with capture_logs() as lines:
        troubles.begin("projector", BusUnavailableError("lost Redis"))
        assert troubles.not_ready_because is None
        troubles.end("projector")
    assert lines == []


@pytest.mark.parametrize(
    "error",
    [
        PostgresUnavailableError("gone"),
        PostgresUnavailableError("syntax error", UNEXPECTED),
        BusUnavailableError("lost Redis"),
        ResponseError("WRONGTYPE"),
    ],
    ids=repr,
)
async def test_an_attempt_survives_and_waits(
    error: Expected, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("services.registry.postgres.troubles.asyncio.sleep", sleep)
    attempts = Attempts("projector", Troubles(), random.Random(1))
    for _ in range(3):
        async with attempts.attempt():
            raise error
    assert len(waits) == 3
    async with attempts.attempt():
        pass
    assert len(waits) == 3


async def test_a_bug_of_another_kind_comes_through() -> None:
    with pytest.raises(KeyError):
        async with Attempts("projector", Troubles(), random.Random(1)).attempt():
            raise KeyError("bug")


async def test_a_lock_is_no_trouble_while_an_import_may_hold_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_FIRST_SECONDS", 0)
    monkeypatch.setattr(module, "_LONGEST_SECONDS", 0)
    troubles = Troubles()
    attempts = Attempts("rentals", troubles, random.Random(1))

    async def attempt() -> str | None:
        async with attempts.attempt():
            raise PostgresUnavailableError("lock timeout", LOCKED)
        return troubles.not_ready_because

    assert await attempt() is None
    monkeypatch.setattr(module, "_LOCKED_SECONDS", 0)
    assert "lock timeout" in (await attempt() or "")
