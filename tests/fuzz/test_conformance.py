"""The Autobahn test suite, where it is installed: the groups of cases that take no time."""

import os
import sys
from pathlib import Path

import pytest

from tests.fuzz import conformance
from tests.fuzz.conformance import VARIABLE, Case, MissingSuiteError

QUICK = ["1.*", "2.*", "3.*", "4.*", "5.*", "7.*"]


@pytest.mark.skipif(
    VARIABLE not in os.environ,
    reason=f"{VARIABLE} names no wstest (the suite needs Python 2.7)",
)
async def test_the_gateways_code_conforms() -> None:
    suite = await conformance.find_suite(None)
    cases = await conformance.run_suite(suite, "gateway", QUICK)
    assert len(cases) > 80
    assert conformance.unexplained("gateway", cases) == []


async def test_without_python_2_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["conformance"])
    assert await conformance.main() == 3
    assert "there is no Python 2.7" in capsys.readouterr().err


async def test_without_the_suite_it_is_said_what_is_missing() -> None:
    with pytest.raises(MissingSuiteError, match="autobahntestsuite is not installed"):
        await conformance.find_suite(sys.executable)


async def test_a_program_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "wstest"))
    with pytest.raises(MissingSuiteError, match="which is no program"):
        await conformance.find_suite(None)


def test_a_case_that_fails_is_named_and_counts_unless_it_is_explained() -> None:
    known, why = next(iter(conformance.EXPLAINED["library"].items()))
    cases = [
        Case("1.1.1", "OK", "OK", ""),
        Case("1.1.2", "FAILED", "OK", "nothing came back"),
        Case("1.1.3", "OK", "WRONG CODE", "1000 was expected"),
        Case(known, "FAILED", "OK", "it says"),
        Case("5.15", "NON-STRICT", "OK", "late"),
        Case("7.13.1", "INFORMATIONAL", "INFORMATIONAL", "whatever"),
    ]
    assert [case.number for case in conformance.unexplained("library", cases)] == ["1.1.2", "1.1.3"]
    summary = conformance.summary_of("library", cases)
    assert "6 cases" in summary
    assert "2 OK" in summary
    assert "2 FAILED" in summary
    assert "nothing came back" in summary
    assert why in summary
