"""The judge of the audit of lights: what it takes for a violation."""

from typing import TYPE_CHECKING, cast

import pytest

from tests.faults.audited_lights import AuditedLights

if TYPE_CHECKING:
    from tests.fixtures.hub import Hub


@pytest.fixture
def watch() -> AuditedLights:
    found = AuditedLights(cast("Hub", None))
    found.take("r", {"right": 10, "late": 0, "wrong": 1}, 0)
    found.violations.clear()
    return found


def test_a_wrong_light_is_a_violation_but_not_in_a_faults_time(watch: AuditedLights) -> None:
    watch.fault_began()
    watch.take("r", {"right": 10, "late": 0, "wrong": 2}, 90)
    watch.fault_ended(at=100)
    watch.take("r", {"right": 10, "late": 0, "wrong": 3}, 105)
    assert watch.violations == []
    watch.take("r", {"right": 20, "late": 3, "wrong": 3}, 107)
    assert watch.violations == []
    watch.take("r", {"right": 20, "late": 3, "wrong": 4}, 107)
    assert watch.violations == ["r's audit found 1 wrong lights 7.0 s after the fault"]
    assert watch.judged == 27


def test_a_registry_that_was_restarted_counts_from_the_beginning(watch: AuditedLights) -> None:
    watch.take("r", {"right": 2, "late": 0, "wrong": 1}, 500)
    assert len(watch.violations) == 1
    watch.take("r", {"right": 1, "late": 0, "wrong": 0}, 600)
    assert len(watch.violations) == 1
    assert watch.judged == 15
