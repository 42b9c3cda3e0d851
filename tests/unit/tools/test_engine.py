"""An engine counts only if it answers, and soon."""

from pathlib import Path

import pytest

from tools.servers import engine


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of a docker that a test can write."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "docker"


def _write(docker: Path, script: str) -> None:
    docker.write_text(f"#!/bin/sh\n{script}\n")
    docker.chmod(0o755)


def test_no_client_is_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = engine.docker_engine()
    assert (found.available, found.reason) == (False, "no docker on the PATH")


def test_an_engine_that_answers_is_one(docker: Path) -> None:
    _write(docker, "echo 27.0.1")
    found = engine.docker_engine()
    assert (found.available, found.reason) == (True, "Docker engine 27.0.1 answers")


@pytest.mark.parametrize("script", ["exit 1", "echo ''", "echo 27; exit 1"])
def test_a_client_without_an_engine_is_none(docker: Path, script: str) -> None:
    _write(docker, script)
    found = engine.docker_engine()
    assert (found.available, found.reason) == (False, "no Docker engine answers")


def test_an_engine_that_hangs_is_none(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(docker, "exec sleep 600")
    monkeypatch.setattr(engine, "TIMEOUT_SECONDS", 0.1)
    found = engine.docker_engine()
    assert (found.available, found.reason) == (False, "the Docker engine gave no answer in 0.1 s")


def test_a_docker_that_can_not_be_run_is_no_engine(docker: Path) -> None:
    docker.write_text("#!/does/not/exist\n")
    docker.chmod(0o755)
    assert not engine.docker_engine().available
