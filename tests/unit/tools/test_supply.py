"""What is said of licences and known vulnerabilities."""

from typing import Any

import pytest

from tools.supply.audit import NOT_ASKED, VULNERABLE, judge
from tools.supply.licences import refused


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
