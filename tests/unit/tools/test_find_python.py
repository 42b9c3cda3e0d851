"""The Makefile's Python: the first one that is new enough and really runs."""

import os
import subprocess
from pathlib import Path

import pytest

FIND_PYTHON = Path(__file__).resolve().parents[3] / "tools" / "local" / "find-python"


def _python(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def _find(folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHON"}
    return subprocess.run(
        ["/bin/sh", str(FIND_PYTHON)],
        env={**environment, "PATH": str(folder), **extra},
        capture_output=True,
        text=True,
        check=False,
    )


def test_python3_is_taken_if_it_is_new_enough(tmp_path: Path) -> None:
    python = _python(tmp_path, "python3", "exit 0")
    _python(tmp_path, "python3.13", "exit 0")
    assert _find(tmp_path).stdout == f"{python}\n"


@pytest.mark.parametrize("old", ["exit 1", "echo no such version >&2; exit 127"])
def test_a_newer_one_is_found_beside_an_old_or_broken_python3(tmp_path: Path, old: str) -> None:
    _python(tmp_path, "python3", old)
    python = _python(tmp_path, "python3.12", "exit 0")
    assert _find(tmp_path).stdout == f"{python}\n"


def test_a_named_python_comes_first(tmp_path: Path) -> None:
    _python(tmp_path, "python3", "exit 0")
    mine = _python(tmp_path, "mine", "exit 0")
    assert _find(tmp_path, PYTHON=str(mine)).stdout == f"{mine}\n"


def test_without_one_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    _python(tmp_path, "python3", '[ "$1" = --version ] && echo Python 3.9.2 || exit 1')
    found = _find(tmp_path)
    assert found.returncode == 1
    assert found.stdout == ""
    assert "3.11 or newer is needed, and the PATH has Python 3.9.2" in found.stderr
