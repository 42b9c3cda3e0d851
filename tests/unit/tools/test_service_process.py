"""Services as processes of a test, tried with a stand-in for a service."""

import signal
import sys
from pathlib import Path

import httpx
import pytest

from tests.fixtures.processes import ServiceError, ServiceProcess, StartService, health_url
from tools.servers.ports import free_port

STAND_IN = str(Path(__file__).with_name("stand_in.py"))


def _start(start_process: StartService, **settings: str) -> ServiceProcess:
    port = free_port()
    return start_process(
        "stand-in",
        [sys.executable, STAND_IN, str(port)],
        ready_url=health_url(port),
        settings=settings,
    )


async def test_a_process_is_ready_once_it_says_so(start_process: StartService) -> None:
    process = _start(start_process, STAND_IN_NOT_READY="3")
    await process.ready()
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(process.ready_url)).status_code == 200


async def test_a_process_that_ends_early_fails_with_its_log(start_process: StartService) -> None:
    process = _start(start_process, STAND_IN_BREAKS="yes")
    with pytest.raises(ServiceError, match="stand-in ended with exit code 3"):
        await process.ready()
    assert process.ended_by_itself() == 3


async def test_a_process_that_is_never_ready_fails_with_its_last_answer(
    start_process: StartService,
) -> None:
    process = _start(start_process, STAND_IN_NOT_READY="1000000")
    with pytest.raises(ServiceError, match=r"not ready after 1 s \(HTTP 503 \).*\n.*started"):
        await process.ready(timeout_seconds=1)


async def test_a_process_gets_its_own_settings_and_none_of_ours(
    start_process: StartService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARGELIGHT_MARK", "ours")
    without = _start(start_process)
    await without.logged("stand-in started None")
    await without.terminate()
    with_mark = _start(start_process, CHARGELIGHT_MARK="its own")
    await with_mark.logged("stand-in started its own")


async def test_a_process_ends_when_asked_and_starts_again(start_process: StartService) -> None:
    process = _start(start_process)
    await process.ready()
    assert await process.terminate() == 0
    assert not process.is_running()
    assert process.ended_by_itself() is None
    process.start()
    await process.ready()
    assert process.log_text().count("stand-in started") == 2


async def test_a_killed_process_is_gone_at_once(start_process: StartService) -> None:
    process = _start(start_process)
    await process.ready()
    process.kill()
    assert not process.is_running()
    assert await process.wait() == -signal.SIGKILL


async def test_a_frozen_process_answers_nothing_until_thawed(start_process: StartService) -> None:
    process = _start(start_process)
    await process.ready()
    process.freeze()
    async with httpx.AsyncClient(trust_env=False, timeout=0.2) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.get(process.ready_url)
    assert process.is_running()
    process.thaw()
    await process.ready()


async def test_a_frozen_process_ends_when_asked(start_process: StartService) -> None:
    process = _start(start_process)
    await process.ready()
    process.freeze()
    assert await process.terminate() == 0
