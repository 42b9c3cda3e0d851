"""What is broken is said, but not over and over."""

import pytest

from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog
from tests.unit.gateway.fake_device import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_complaint_is_made_at_once_and_again_after_a_minute(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    complaint = RateLimitedLog(logs.get("test"), "this is broken", clock)
    for number in range(4):
        complaint.make(f"reason {number}")
        clock.now += 30
    captured = capsys.readouterr()
    said = captured.out + captured.err
    assert [f"reason {number}" in said for number in range(4)] == [True, False, True, False]
