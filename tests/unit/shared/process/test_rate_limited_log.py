"""What is broken is logged, but not over and over."""

import pytest

from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog
from tests.unit.gateway.fake_device import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_line_is_logged_at_once_and_again_after_a_minute(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = RateLimitedLog(logs.get("test"), "this is broken", clock)
    for number in range(4):
        broken.log(f"reason {number}")
        clock.now += 30
    captured = capsys.readouterr()
    logged = captured.out + captured.err
    assert [f"reason {number}" in logged for number in range(4)] == [True, False, True, False]
