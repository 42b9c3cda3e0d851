"""`make up` with containers: a stack of its own, with passwords that are drawn for one run."""

import shlex
import stat
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.local import containers
from tools.local.access import SERVER_PASSWORDS
from tools.local.errors import LocalHubError
from tools.servers.ports import free_port

COMPOSE = """#!/bin/sh
echo "$@" >>"$NOTES/commands"
case "$*" in
  *" ps "*) cat "$NOTES/running" ;;
  *" up "*) env | sort | grep -E '^CHARGELIGHT_COMPOSE_[A-Z_]+_PASSWORD=' >"$NOTES/passwords" ;;
  *" logs "*) cp -p "$NOTES/hub.env" "$NOTES/hub.env.then" ;;
esac
"""
"""Stands in for docker-compose: notes its arguments, and passwords in its environment."""


class Run(NamedTuple):
    printed: str
    commands: list[str]
    passwords: dict[str, str]
    setup: Path


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "running").touch()
    program = tmp_path / "docker-compose"
    program.write_text(COMPOSE)
    program.chmod(0o755)
    monkeypatch.setenv("NOTES", str(tmp_path))
    monkeypatch.delenv("COMPOSE_PROJECT_NAME", raising=False)
    for kind in ("CHARGER", "WIDGET", "REGISTRY"):
        monkeypatch.setenv(f"CHARGELIGHT_COMPOSE_{kind}_PORT", str(free_port()))
    monkeypatch.setattr(containers, "ROOT", tmp_path / "My Chargelight")
    containers.ROOT.mkdir()
    monkeypatch.setattr(containers, "TERMINAL", tmp_path / "hub.env")
    monkeypatch.setattr(containers, "ignore_signals", lambda: None)
    return tmp_path


def _make_up(notes: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    with pytest.raises(LocalHubError, match="ended by itself"):
        containers.run((str(notes / "docker-compose"),), "")
    lines = (notes / "passwords").read_text().splitlines()
    return Run(
        capsys.readouterr().out,
        (notes / "commands").read_text().splitlines(),
        dict(line.split("=", 1) for line in lines),
        notes / "hub.env.then",
    )


def test_each_run_has_passwords_of_its_own(
    notes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARGELIGHT_COMPOSE_POSTGRES_PASSWORD", "a-password-of-mine")
    first, second = (_make_up(notes, capsys).passwords for _ in range(2))
    assert first.keys() == set(SERVER_PASSWORDS)
    assert first.pop("CHARGELIGHT_COMPOSE_POSTGRES_PASSWORD") == "a-password-of-mine"
    drawn = {*first.values(), *second.values()} - {"a-password-of-mine"}
    assert len(drawn) == 2 * len(first)
    assert min(map(len, drawn)) >= 32


def test_passwords_are_in_the_environment_and_in_a_file_of_the_owner_alone(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = _make_up(notes, capsys)
    shown = "\n".join([run.printed, *run.commands])
    assert not [text for text in run.passwords.values() if text in shown]
    words = [shlex.split(line) for line in run.setup.read_text().splitlines()]
    assert dict(word.split("=", 1) for _, word in words).items() >= run.passwords.items()
    assert stat.S_IMODE(run.setup.stat().st_mode) == 0o600
    assert not (notes / "hub.env").exists()


def test_it_removes_data_of_its_own_stack_only(
    notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = _make_up(notes, capsys).commands
    own = "--project-name mychargelight-up "
    assert [command for command in commands if not command.startswith(own)] == []
    down = f"{own}down --volumes --remove-orphans"
    started = next(number for number, command in enumerate(commands) if " up " in command)
    assert down in commands[:started]
    assert commands[-1] == down


def test_a_stack_that_runs_is_left_alone(notes: Path) -> None:
    (notes / "running").write_text("0123abcd\n")
    with pytest.raises(LocalHubError, match="--project-name mychargelight-up down --volumes"):
        containers.run((str(notes / "docker-compose"),), "")
    assert "down" not in (notes / "commands").read_text()
