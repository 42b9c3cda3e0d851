"""Prometheus' own test of the rules: each alert fires when it should, not before, and clears."""

import asyncio
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.alerts.durations import CASES
from tests.alerts.rules import RULES, alerts
from tests.alerts.series import Case
from tests.fixtures.promtool import find_promtool


async def run(*words: str | Path) -> tuple[int, str]:
    promtool = await asyncio.to_thread(find_promtool)
    if isinstance(promtool, str):
        pytest.skip(promtool)
    ran = await asyncio.to_thread(
        subprocess.run, [promtool, *words], capture_output=True, text=True, timeout=120, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


async def test_prometheus_finds_nothing_wrong_with_the_rules() -> None:
    code, said = await run("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert code == 0, said


async def test_what_it_finds_is_noticed(tmp_path: Path) -> None:
    broken = tmp_path / "rules.yml"
    broken.write_text(RULES.read_text("utf-8").replace("sum(", "sum((", 1))
    code, _ = await run("check", "rules", broken)
    assert code != 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.why}")
async def test_an_alert_fires_when_it_should(case: Case, tmp_path: Path) -> None:
    assert any(case.firing.values()) or "never" in case.why
    code, said = await run("test", "rules", written(case, tmp_path))
    assert code == 0, said


async def test_a_rule_that_fires_too_early_is_noticed(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.alert == "NobodyAccepts")
    file = written(case, tmp_path, RULES.read_text("utf-8").replace("for: 15s", "for: 10s"))
    code, _ = await run("test", "rules", file)
    assert code != 0


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    fired = {case.alert for case in CASES if any(case.firing.values())}
    cleared = {case.alert for case in CASES if list(case.firing.values())[-1] == 0}
    assert fired == cleared == {alert["alert"] for alert in alerts()}


def written(case: Case, folder: Path, rules: str | None = None) -> Path:
    """Return the file that promtool reads a test from: of one alert, and what it needs."""
    content = yaml.safe_load(RULES.read_text("utf-8") if rules is None else rules)
    for group in content["groups"]:
        group["rules"] = [r for r in group["rules"] if r.get("alert", case.alert) == case.alert]
    content["groups"] = [
        group for group in content["groups"] if any("alert" in rule for rule in group["rules"])
    ]
    (folder / "rules.yml").write_text(yaml.safe_dump(content))
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{case.step}s",
        "tests": [case.as_test()],
    }
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump(test))
    return file
