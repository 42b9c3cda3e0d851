"""What is said of licences and known vulnerabilities."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.test_architecture import SERVICES
from tools.supply import audit
from tools.supply.audit import NOT_ASKED, VULNERABLE, judge
from tools.supply.built_images import LOCKS
from tools.supply.licences import refused

ROOT = Path(__file__).resolve().parents[3]
GITHUB = ROOT / ".github"


def sbom(*licences: dict[str, Any], kind: str = "library") -> dict[str, Any]:
    part = {"type": kind, "name": "left-pad", "version": "1.0", "licenses": list(licences)}
    return {"components": [part]}


def by_id(name: str) -> dict[str, Any]:
    return {"license": {"id": name}}


@pytest.mark.parametrize(
    "document",
    [
        sbom(by_id("MIT")),
        sbom({"expression": "Apache-2.0 AND BSD-2-Clause"}),
        sbom({"expression": "GPL-3.0-only OR MIT"}),
        sbom(by_id("MIT"), {"license": {"name": "License :: OSI Approved :: BSD License"}}),
        sbom(kind="container"),
    ],
)
def test_an_allowed_licence_is_not_named(document: dict[str, Any]) -> None:
    assert list(refused(document)) == []


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (sbom(by_id("AGPL-3.0-only")), "AGPL-3.0-only"),
        (sbom(by_id("MIT"), by_id("GPL-3.0-only")), "MIT, GPL-3.0-only"),
        (sbom({"expression": "MIT AND GPL-2.0-only"}), "MIT AND GPL-2.0-only"),
        (sbom({"license": {"name": "Freeware"}}), "no licence that is an SPDX expression"),
        (sbom(), "no licence that is an SPDX expression"),
    ],
)
def test_another_licence_and_none_are_named(document: dict[str, Any], said: str) -> None:
    assert list(refused(document)) == [f"left-pad 1.0: {said}"]


def test_each_image_that_is_built_gets_a_list_of_its_parts() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    built = {each["build"]["args"]["SERVICE"] for each in services.values() if "build" in each}
    assert LOCKS.keys() == built == set(SERVICES)
    release = (GITHUB / "workflows/release.yml").read_text("utf-8")
    (saved,) = re.findall(r"for image in (.+); do", release)
    assert set(saved.split()) == built


CLEAN = {"name": "a", "version": "1", "vulns": []}
KNOWN = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
SKIPPED = {"name": "c", "skip_reason": "Dependency not found"}


def test_an_audit_is_good_only_if_every_package_was_asked_about() -> None:
    assert judge([CLEAN])[0] == 0
    assert judge([CLEAN, SKIPPED])[0] == NOT_ASKED
    assert judge([SKIPPED])[0] == NOT_ASKED
    assert judge([])[0] == NOT_ASKED
    assert judge([KNOWN, SKIPPED])[0] == VULNERABLE


def test_an_audit_names_what_is_vulnerable_and_what_was_not_asked_about() -> None:
    said = judge([CLEAN, KNOWN, SKIPPED])[1]
    assert said[:2] == ["b 2: PYSEC-1 (fixed in 3)", "Packages: 3, asked about: 2, vulnerable: 1."]
    assert said[2].startswith("Not asked about c: the data of known vulnerabilities cannot be")


def test_an_audit_asks_about_all_that_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.extend(command)
        return subprocess.CompletedProcess(command, 0, '{"dependencies": []}', "")

    monkeypatch.setattr(subprocess, "run", run)
    assert audit.main() == NOT_ASKED, "of nothing it is said that nothing was asked about"
    locks = {Path(word).name for word in asked if word.startswith("--requirement=")}
    assert locks >= {"requirements-dev.lock", *(f"{service}.lock" for service in SERVICES)}


def test_an_audit_is_made_of_each_change_and_once_a_week() -> None:
    ci = yaml.safe_load((GITHUB / "workflows/ci.yml").read_text("utf-8"))
    triggers = ci[True]  # YAML 1.1 reads the word "on" as a truth value
    assert triggers.keys() >= {"push", "pull_request"}
    (day, month, _), *others = (each["cron"].split()[2:] for each in triggers["schedule"])
    assert (day, month, others) == ("*", "*", [])
    (job,) = (each for each in ci["jobs"].values() if {"run": ".ci/run supply"} in each["steps"])
    assert job.keys().isdisjoint({"if", "continue-on-error"})
    suggested = yaml.safe_load((GITHUB / "dependabot.yml").read_text("utf-8"))["updates"]
    weekly = {e["package-ecosystem"] for e in suggested if e["schedule"]["interval"] == "weekly"}
    assert weekly >= {"pip", "docker-compose", "github-actions"}
