"""What flaps is said to be lost once, and to be back once it stands."""

import asyncio

import pytest
from structlog.testing import capture_logs

from shared.process import logs, loss_log
from shared.process.loss_log import LossLog


async def test_many_losses_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_log, "_STANDS_SECONDS", 0.02)
    with capture_logs() as lines:
        losses = LossLog(logs.get("test"), "lost", "back")
        losses.back()  # at the start: it was never lost
        for number in range(16):
            losses.lost(number=number)
            losses.back()
        assert [line["event"] for line in lines] == ["lost"]
        assert lines[0]["number"] == 0
        await asyncio.sleep(0.1)
        assert [line["event"] for line in lines] == ["lost", "back"]
        losses.lost()
    assert [line["event"] for line in lines] == ["lost", "back", "lost"]
