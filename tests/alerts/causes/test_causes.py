"""Each alert is fired by its real cause, with the durations of all rules divided by 20."""

import asyncio
from pathlib import Path

import pytest

from tests.alerts.__main__ import table
from tests.alerts.causes.running import (
    HUBS,
    LONG,
    ONLY_BY_PROMTOOL,
    SHORT,
    HubOfCauses,
    Row,
    run_hub,
)
from tests.alerts.causes.watch import missing_program
from tests.alerts.rules import alerts

PATIENCE_SECONDS = 240.0
"""Other tests run meanwhile, and some alerts are about a machine that is busy."""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("hub", HUBS, ids=lambda hub: hub.name)
async def test_alerts_are_fired_by_their_cause_and_clear(hub: HubOfCauses, tmp_path: Path) -> None:
    missing = await asyncio.to_thread(missing_program)
    if missing is not None:
        pytest.skip(missing)
    rows = await run_hub(hub, tmp_path, SHORT, PATIENCE_SECONDS, hurry=True)
    assert rows
    assert [row for row in rows if row.fired is None or row.cleared is None] == []


def test_every_alert_has_a_cause() -> None:
    caused = {name for hub in LONG for cause in hub.causes for name in cause.alerts}
    assert not caused & set(ONLY_BY_PROMTOOL)
    assert caused | set(ONLY_BY_PROMTOOL) == {alert["alert"] for alert in alerts()}


def test_the_table_has_each_alert_once_and_says_what_never_happened() -> None:
    lines = table([Row("RedisFull", "full", 12.4, None), Row("LoopDelay", "slow", 600.0, 300.0)])
    assert lines[2:4] == [
        "| LoopDelay | slow | 600 s | 300 s |",
        "| RedisFull | full | 12 s | never |",
    ]
    assert len(lines) == 4 + len(ONLY_BY_PROMTOOL)
