""".ci/run: what it makes, and that workflows run nothing else."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def ci(tmp_path: Path) -> Path:
    """A copy of .ci/run, where `make` only notes what it is to make, and fails if told to.

    What it makes silently (`make -s`), for later, is noted apart: that is at the same time.
    """
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci")
    for name, text in {
        "bin/make": (
            '[ "$1" = -s ] && { echo "$2" >>made-for-later; exit 1; }\n'
            'echo "$1" >>made; env >environment; [ "$1" != "${FAILING:-}" ]'
        ),
        ".venv/bin/python": "echo 3.11",
        "bin/chromium": "true",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return tmp_path


def run(ci: Path, mode: str, **environment: str) -> tuple[int, str, list[str]]:
    """Return the exit code, what was said, and what was made."""
    path = f"{ci / 'bin'}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", ci / ".ci/run", mode],
        env={**os.environ, "PATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    made = ci / "made"
    return ended.returncode, ended.stderr, made.read_text().split() if made.exists() else []


def test_all_validates_the_deployment_too(ci: Path) -> None:
    code, _, made = run(ci, "all")
    assert code == 0
    assert made[:5] == ["check", "test", "validators", "chart", "aws"]
    # What could not be prepared is made in its turn.
    prepared = (ci / "made-for-later").read_text().split()
    assert prepared == ["validators", *["environment"] * (len(made) - 5)]


def test_what_is_compiled_is_kept_for_the_next_process(ci: Path) -> None:
    assert run(ci, "embedded", PYTHONDONTWRITEBYTECODE="1")[0] == 0
    assert "PYTHONDONTWRITEBYTECODE" not in (ci / "environment").read_text()


def test_validators_that_cannot_be_installed_are_a_failure_and_said(ci: Path) -> None:
    code, said, made = run(ci, "all", FAILING="validators")
    assert (code, made[-1]) == (1, "validators")
    assert "are not validated" in said


@pytest.mark.parametrize(("installing", "code"), [("exit 0", 0), ("exit 1", 1)])
def test_a_browser_is_installed_where_there_is_none_or_nothing_is_tested(
    ci: Path, installing: str, code: int
) -> None:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        (ci / "bin" / name).unlink(missing_ok=True)
    program = ci / "bin" / "apt-get"
    program.write_text(f"#!/bin/sh\necho apt-$1 >>made\n{installing}\n")
    program.chmod(0o755)
    own = f"{ci / 'bin'}:{ci / 'tools'}"
    (ci / "tools").mkdir()
    for tool in ("bash", "dirname", "env", "sh", "echo", "cut", "head"):
        (ci / "tools" / tool).symlink_to(shutil.which(tool) or tool)
    ended, said, made = run(ci, "all", PATH=own)
    assert ended == code
    assert made[0] == "apt-update"
    assert ("check" in made) is (code == 0)
    assert ("no Chromium" in said) is (code == 1)


@pytest.mark.parametrize("failing", ["check", "test", "chart", "aws"])
def test_what_fails_is_a_failure(ci: Path, failing: str) -> None:
    code, _, made = run(ci, "all", FAILING=failing)
    assert code != 0
    assert made[-1] == failing


def test_the_workflow_runs_nothing_else(ci: Path) -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [step["run"].split() for step in steps if "run" in step]
    assert {program for program, _ in commands} == {".ci/run"}
    modes = {mode for _, mode in commands}
    assert "all" in modes
    assert [run(ci, mode)[0] for mode in modes] == [0] * len(modes)
    assert run(ci, "everything")[0] == 2
