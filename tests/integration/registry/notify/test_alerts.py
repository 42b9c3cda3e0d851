"""What Alertmanager reports is told once, and its end once."""

import json
from typing import Any

import pytest

from services.registry.edge.body_limits import MAX_BYTES
from tests.fixtures.receiver import Receiver
from tests.integration.registry.conftest import RunningRegistry, StartRegistry, eventually
from tests.integration.registry.notify.conftest import telling


@pytest.fixture
async def registry(start_registry: StartRegistry, receiver: Receiver) -> RunningRegistry:
    return await start_registry(**telling(receiver))


def group(status: str = "firing", *, since: str = "2026-11-29T20:00:00Z") -> dict[str, Any]:
    """Return a request as Alertmanager 0.25 sends it."""
    alert = {
        "status": status,
        "labels": {"alertname": "RedisAway", "severity": "page", "odd": "\u0000"},
        "annotations": {
            "summary": "Lights stand still\u0000",
            "runbook_url": "https://r/RedisAway",
        },
        "startsAt": since,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "c0ffee0123456789",
    }
    return {
        "receiver": "people",
        "status": status,
        "alerts": [alert],
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager",
        "version": "4",
        "groupKey": "{}:{}",
        "truncatedAlerts": 0,
    }


async def report(registry: RunningRegistry, body: dict[str, Any]) -> int:
    answer = await registry.send("POST", "/hub/alerts", body)
    assert answer.status_code == 200, answer.text
    events: int = answer.json()["events"]
    return events


async def test_an_alert_is_told_once_however_often_it_is_sent_and_its_end_once(
    registry: RunningRegistry, receiver: Receiver
) -> None:
    assert [await report(registry, group()) for _ in range(3)] == [1, 0, 0]
    assert [await report(registry, group("resolved")) for _ in range(2)] == [1, 0]

    async def both() -> bool:
        return len(receiver.taken) == 2

    await eventually(both)
    first, second = (each.event for each in receiver.taken)
    assert (first["kind"], first["about"], first["ended"]) == ("hub.trouble", "hub", False)
    assert (
        first["data"]
        == second["data"]
        == {
            "name": "RedisAway",
            "severity": "page",
            "summary": "Lights stand still",
            "runbook": "https://r/RedisAway",
            "since": "2026-11-29T20:00:00+00:00",
        }
    )
    assert second["ended"]


async def test_an_alert_that_fires_again_is_told_again_although_its_end_was_lost(
    registry: RunningRegistry,
) -> None:
    assert await report(registry, group()) == 1
    assert await report(registry, group(since="2026-11-29T21:00:00Z")) == 1
    assert await report(registry, group(since="2026-11-29T21:00:00Z")) == 0


async def test_a_large_group_is_taken_and_told_once(registry: RunningRegistry) -> None:
    (alert,) = group()["alerts"]
    alert["annotations"]["description"] = "x" * 500
    alerts = [alert | {"fingerprint": f"c0ffee{number}"} for number in range(250)]
    assert len(json.dumps(alerts)) > MAX_BYTES
    assert [await report(registry, {"alerts": alerts}) for _ in range(2)] == [250, 0]


async def test_what_is_no_alert_is_refused(registry: RunningRegistry) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"alerts": [{}]},
        {"alerts": [group()["alerts"][0]] * 1001},
    ]
    for wrong in bodies:
        answer = await registry.send("POST", "/hub/alerts", wrong)
        assert answer.status_code == 422


async def test_without_a_destination_alertmanager_hears_that_nobody_is_told(
    start_registry: StartRegistry,
) -> None:
    registry = await start_registry()
    assert (await registry.send("POST", "/hub/alerts", group())).status_code == 409
