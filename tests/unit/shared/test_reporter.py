"""Saying how an instance is: whatever goes wrong with it, the service goes on."""

import asyncio
import json
import random
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.bus.bus import BusUnavailableError
from shared.bus.script import Call
from shared.contract.instances import Figures
from shared.reporting import reporter as module
from shared.reporting import scripts
from shared.reporting.reporter import Reporter
from tests.unit.shared.fake_bus import FakeBus


class Redis(FakeBus):
    """Takes lines, unless it is told what to say to them."""

    def __init__(self, *answers: Exception | int) -> None:
        super().__init__()
        self.answers = list(answers)
        self.asked = asyncio.Event()

    def answer_call(self, call: Call) -> Any:
        assert call.script in {scripts.REPORT, scripts.LEAVE}
        if len(self.answers) <= 1:
            self.asked.set()
        answer = self.answers.pop(0) if self.answers else 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def reporter_to(bus: FakeBus, **more: Any) -> Reporter:
    parts = {
        "service": "gateway",
        "instance_id": "g1",
        "not_ready_because": lambda: None,
        "figures": Figures,
        "rng": random.Random(1),
    }
    return Reporter(bus=bus, **{**parts, **more})


async def run_until_asked(reporter: Reporter, bus: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it report until the last answer was given."""
    monkeypatch.setattr(module, "REPORT_SECONDS", 0.0)
    task = asyncio.create_task(reporter.run())
    async with asyncio.timeout(30):
        await bus.asked.wait()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_first_line_is_the_first_until_it_is_stored() -> None:
    bus = Redis(BusUnavailableError("away"), 0, 1, 1)
    reporter = reporter_to(bus)
    with pytest.raises(BusUnavailableError):
        await reporter.report()
    for _ in range(3):
        await reporter.report()
    assert [call.arguments[4] for call in bus.calls] == [1, 1, 1, 0]


async def test_whatever_goes_wrong_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = Redis(BusUnavailableError("away"), KeyError("a bug"), ValueError("another"), 1)
    with capture_logs() as logged:
        await run_until_asked(reporter_to(bus), bus, monkeypatch)
    assert [each["event"] for each in logged] == ["this instance cannot say how it is"]


async def test_figures_that_cannot_be_had_are_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def figures() -> Figures:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise KeyError("a bug")
        return Figures(connections=5)

    bus = Redis(1)
    with capture_logs() as logged:
        await run_until_asked(reporter_to(bus, figures=figures), bus, monkeypatch)
    assert [each["reason"] for each in logged] == ["KeyError('a bug')"]
    assert json.loads(bytes(bus.calls[0].arguments[1]))["connections"] == 5  # type: ignore[arg-type]


async def test_leaving_ends_whatever_redis_says() -> None:
    for trouble in (BusUnavailableError("away"), KeyError("a bug")):
        await reporter_to(Redis(trouble)).leave()
    bus = Redis(1)
    await reporter_to(bus, started_at=7).leave()
    assert list(bus.calls[0].arguments[:2]) == ["g1", 7]


async def test_leaving_does_not_wait_for_a_redis_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Hanging(FakeBus):
        async def reach(self) -> None:
            await asyncio.Event().wait()

    monkeypatch.setattr(module, "_LEAVE_SECONDS", 0.01)
    async with asyncio.timeout(30):
        await reporter_to(Hanging()).leave()


def test_why_it_is_not_ready_is_cut() -> None:
    said = reporter_to(FakeBus(), not_ready_because=lambda: "é" * 5000).line()
    assert (said.ready, said.reason) == (False, "é" * 300)
