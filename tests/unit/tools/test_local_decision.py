"""Whether `make up` uses Compose or processes of our own."""

from pathlib import Path

import pytest

from tools.local.decision import decide
from tools.servers.server_source import Choice, ServerSource, UnknownSourceError


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH but for the system's own tools."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return tmp_path / "bin"


def _write(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _engine(programs: Path) -> None:
    _write(programs / "docker", '[ "$1" = info ] && echo 27.0.1')


def test_an_engine_with_compose_means_containers(programs: Path) -> None:
    _engine(programs)
    _write(programs / "docker-compose", "echo 1.29.2")
    decision = decide("auto", {})
    assert decision.choice == Choice(ServerSource.CONTAINERS, "Docker engine 27.0.1 answers")
    assert decision.compose == ("docker-compose",)


def test_compose_as_a_plugin_is_preferred(programs: Path) -> None:
    _write(programs / "docker", 'case "$1" in info) echo 27.0.1;; compose) echo 2.29.0;; esac')
    _write(programs / "docker-compose", "echo 1.29.2")
    assert decide("auto", {}).compose == ("docker", "compose")


@pytest.mark.parametrize("compose", ["echo 1.25.0", "exit 1", "echo nonsense"])
def test_an_engine_without_a_fit_compose_means_processes(programs: Path, compose: str) -> None:
    _engine(programs)
    _write(programs / "docker-compose", compose)
    decision = decide("auto", {})
    assert decision.choice.source is ServerSource.EMBEDDED
    assert decision.choice.reason.endswith("but there is no Compose 1.29 or newer")


def test_no_engine_means_processes(programs: Path) -> None:
    assert list(programs.iterdir()) == []
    assert decide("auto", {}).choice == Choice(ServerSource.EMBEDDED, "no docker on the PATH")


@pytest.mark.parametrize("name", ["CHARGELIGHT_REDIS_URL", "CHARGELIGHT_POSTGRES_DSN"])
def test_a_given_server_means_processes_although_there_is_an_engine(
    programs: Path, name: str
) -> None:
    _engine(programs)
    _write(programs / "docker-compose", "echo 1.29.2")
    assert decide("auto", {name: "somewhere"}).choice == Choice(
        ServerSource.EMBEDDED, f"{name} is set"
    )


@pytest.mark.parametrize("source", ["containers", "embedded"])
def test_a_source_can_be_forced(programs: Path, source: str) -> None:
    assert list(programs.iterdir()) == []
    assert decide(source, {}).choice == Choice(ServerSource(source), f"WITH={source}")


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(UnknownSourceError, match="WITH is 'docker'"):
        decide("docker", {})
