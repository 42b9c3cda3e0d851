"""A worker that hangs is ended, while it should serve and while it should drain."""

import asyncio
import os
import random
from pathlib import Path

import pytest

from services.gateway.workers import worker as module
from services.gateway.workers.combined_health import NOT_RUNNING
from services.gateway.workers.restarts import MOST_ENDS, Restarts
from services.gateway.workers.worker import Worker, WorkerFailedError
from shared.process.runtime import CannotServeError
from shared.process.waiting import Stop

SOON = 20.0


@pytest.fixture
def ends() -> list[int]:
    """One entry for each end that it was not asked for."""
    return []


@pytest.fixture
def deaf_since(tmp_path: Path) -> Path:
    """A file that is there once the worker ignores signals."""
    return tmp_path / "deaf"


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch, ends: list[int], deaf_since: Path) -> Worker:
    """A worker that answers nothing."""
    monkeypatch.setattr(module, "_CHILD", "tests.fixtures.deaf_worker")
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 0.1)
    environment = {**os.environ, "DEAF_SINCE": str(deaf_since)}
    return Worker(1, environment, 0.1, Restarts(random.Random(1)), lambda: ends.append(1))


async def until_it_runs(deaf_since: Path) -> None:
    while not deaf_since.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await asyncio.sleep(0.01)


async def test_a_worker_that_does_not_drain_is_killed_and_that_is_a_failure(
    deaf: Worker, deaf_since: Path
) -> None:
    stop = Stop()
    async with asyncio.timeout(SOON):
        keeping = asyncio.create_task(deaf.keep(stop))
        await until_it_runs(deaf_since)
        stop.set()
        with pytest.raises(WorkerFailedError, match="worker 1 ended with -9, not 0"):
            await keeping
    assert deaf.state.not_ready == NOT_RUNNING


async def test_a_worker_hears_by_its_life_line_that_it_is_to_wait_no_longer(
    deaf: Worker, deaf_since: Path
) -> None:
    deaf.ending_seconds = 2 * SOON
    stop = Stop()
    async with asyncio.timeout(SOON):
        keeping = asyncio.create_task(deaf.keep(stop))
        await until_it_runs(deaf_since)
        stop.ask()
        stop.ask()
        # It is deaf to signals, and ends when it reads something.
        await keeping


async def test_a_gateway_that_ends_by_itself_leaves_in_peace_when_it_is_asked_once() -> None:
    stop = Stop()
    stop.set()  # as a worker that has failed for good does
    stop.ask()
    assert not stop.again.is_set()
    stop.ask()
    assert stop.again.is_set()


async def test_a_worker_that_never_answers_is_killed_and_restarted(
    deaf: Worker, ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HUNG_SECONDS", 0.1)
    monkeypatch.setattr(module, "_WATCH_SECONDS", 0.01)
    async with asyncio.timeout(2 * SOON):
        with pytest.raises(WorkerFailedError, match="ended 5 times within 60 s"):
            await deaf.keep(Stop())
    assert len(ends) == 5


async def test_a_worker_that_says_that_settings_are_wrong_is_not_restarted(
    deaf: Worker, ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # With arguments that it does not know it exits with 2, as a gateway does with settings.
    monkeypatch.setattr(module, "_CHILD", "tools.capacity")
    async with asyncio.timeout(SOON):
        with pytest.raises(CannotServeError, match="worker 1 cannot serve"):
            await deaf.keep(Stop())
    assert ends == []


async def test_once_a_worker_has_served_redis_may_refuse_it_and_the_gateway_stays(
    deaf: Worker, ends: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHILD", "tools.capacity")  # it ends with 2, like wrong settings
    monkeypatch.setattr(module, "_REFUSED_SECONDS", 0.01)
    deaf._has_served = True
    stop = Stop()
    async with asyncio.timeout(60):
        keeping = asyncio.create_task(deaf.keep(stop))
        while len(ends) <= MOST_ENDS:  # noqa: ASYNC110 - another process ends
            await asyncio.sleep(0.01)
        assert not keeping.done()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
