"""Tests in several processes: each has ports of its own, and what measures time comes last."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

from tests.fixtures import reporting, workers
from tests.fixtures.processes import ROOT
from tools.servers import ports


def test_workers_share_out_the_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    shares: list[range] = []
    for number in range(3):
        monkeypatch.setattr(ports, "LOWEST", 15_000)
        monkeypatch.setattr(ports, "HIGHEST", 31_999)
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{number}")
        workers.take_own_ports()
        shares.append(range(ports.LOWEST, ports.HIGHEST + 1))
    assert len(set().union(*shares)) == sum(map(len, shares)), "no port is in two shares"
    assert shares[0].start == 15_000
    assert shares[-1].stop <= 32_000


def test_no_two_workers_share_a_redis_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHARGELIGHT_REDIS_URL", raising=False)
    assert workers.most_useful() > 1
    monkeypatch.setenv("CHARGELIGHT_REDIS_URL", "redis://somewhere")
    assert workers.most_useful() == 0


def test_what_takes_long_comes_first_and_what_runs_alone_last() -> None:
    items: list[Any] = [
        SimpleNamespace(nodeid=path)
        for path in (
            "tests/e2e/test_compose.py::test_a",
            "tests/unit/test_b.py::test_b",
            "tests/e2e/test_tls.py::test_c",
            "tests/faults/test_d.py::test_d",
            "tests/unit/test_e.py::test_e",
        )
    ]
    workers.put_in_order(items)
    assert "".join(item.nodeid[-1] for item in items) == "cbead"


def test_every_group_has_tests() -> None:
    begins = [each for group in workers.GROUPS.values() for each in group]
    assert [each for each in begins if not (ROOT / each).exists()] == []


_CONFTEST: Final = """
from tests.fixtures import workers

workers.GROUPS = {"long": ("long/",), "alone": ("alone/",)}

def pytest_collection_modifyitems(items):
    workers.put_in_order(items)

def pytest_xdist_make_scheduler(config, log):
    return workers.OneWorkerForEachGroup(config, log)
"""
_MODULE: Final = """
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(4))
def test(number):
    with pathlib.Path(__file__).with_suffix(".workers").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_one_worker_runs_all_of_a_group(tmp_path: Path) -> None:
    """Groups of xdist did nothing under a new pytest, and nobody noticed."""
    (tmp_path / "conftest.py").write_text(_CONFTEST)
    folders = {"alone": "ab", "long": "cd", "others": "ef"}
    for name in [f"{folder}/test_{one}.py" for folder, each in folders.items() for one in each]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(_MODULE)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        "3",
        "--rootdir",
        ".",
        "-p",
        "no:cacheprovider",
    ]
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=100, check=False
    )
    assert ran.returncode == 0, ran.stdout

    def workers_of(folder: str) -> list[str]:
        files = (tmp_path / folder).glob("*.workers")
        return [worker for file in files for worker in file.read_text().split()]

    for group in ("alone", "long"):
        assert len(workers_of(group)) == 8
        assert len(set(workers_of(group))) == 1
    assert len(set(workers_of("others"))) > 1


def test_the_time_of_a_suite_is_that_of_its_tests() -> None:
    def report(path: str, when: Any, seconds: float) -> pytest.TestReport:
        location = (path, 0, "test")
        return pytest.TestReport(
            f"{path}::test", location, {}, "passed", None, when, duration=seconds
        )

    lines = reporting.suite_times(
        [
            report("tests/unit/gateway/test_a.py", "setup", 1.0),
            report("tests/unit/gateway/test_a.py", "call", 2.0),
            report("tests/integration/hub/test_b.py", "setup", 0.5),
            report("tests/integration/test_c.py", "setup", 0.25),
        ]
    )
    assert [line.split() for line in lines] == [
        ["0.2", "s", "1", "tests/integration"],
        ["0.5", "s", "1", "tests/integration/hub"],
        ["3.0", "s", "1", "tests/unit"],
    ]
