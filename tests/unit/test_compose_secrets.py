"""The secrets of Compose in production: how they are made, and how Redis' scripts take them."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.compose_config import FOLDER, MAKE_SECRETS, make_secrets
from tests.fixtures.processes import ROOT

TRIAL = ROOT / FOLDER / "trial"
KNOWN = "chargelight"
REDIS_AS = ROOT / "deploy/redis/as"
CLI = '#!/bin/sh\necho "$REDISCLI_AUTH $@"\n'
"""Stands in for redis-cli: prints its password and its arguments."""


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_secrets(tmp_path / "secrets")


def test_no_secret_is_made_twice_or_is_another_ones(folder: Path) -> None:
    made = contents(folder)
    drawn = [text for text in made.values() if len(text.strip()) == 64]
    assert len(drawn) == 15
    assert len(set(drawn)) == len(drawn)
    assert contents(make_secrets(folder)) == made


def test_only_its_owner_enters_the_folder_and_no_container_changes_a_file(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}


def test_a_password_of_ones_own_stays_and_is_in_every_address(folder: Path) -> None:
    (folder / "redis-gateway").write_text("our-own-1\n")
    (folder / "redis-monitor").write_text("our-own-2\n")
    (folder / "postgres-owner").write_text("our-own-3\n")
    made = contents(make_secrets(folder))
    assert made["redis-gateway"] == "our-own-1\n"
    user = "redis://chargelight-gateway:our-own-1"
    assert made["redis-gateway-url"] == f"{user}@redis:6379/0\n"
    assert made["redis-gateway-cluster-url"].startswith(f"{user}@redis-1:7001,redis-2:7002,")
    assert set(json.loads(made["redis-exporter"]).values()) == {"our-own-2"}
    assert "chargelight:our-own-3@postgres:5432" in made["postgres-owner-dsn"]


def test_a_password_that_no_address_can_have_is_refused(folder: Path) -> None:
    (folder / "redis-router").write_text("half@half")
    ran = subprocess.run([MAKE_SECRETS, folder], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "redis-router: use letters" in ran.stderr
    assert "half@half" not in ran.stderr + ran.stdout


def test_a_trial_has_the_files_that_its_known_password_makes(tmp_path: Path) -> None:
    trial = contents(TRIAL)
    # Empty: docker-compose.yml has this one in a variable.
    assert trial.pop("postgres-owner") == ""
    folder = tmp_path / "known"
    folder.mkdir()
    for name in trial:
        (folder / name).write_text(f"{KNOWN}\n")
    made = contents(make_secrets(folder))
    assert trial == {name: made[name] for name in trial}


@pytest.mark.parametrize("program", ["redis-cli", "valkey-cli"])
def test_redis_as_takes_the_password_from_its_variable_or_its_file(
    tmp_path: Path, program: str
) -> None:
    (tmp_path / program).write_text(CLI)
    (tmp_path / program).chmod(0o755)
    (tmp_path / "secret").write_text("of-the-file\n")
    files = {"OPERATOR_PASSWORD": "", "OPERATOR_PASSWORD_FILE": str(tmp_path / "secret")}
    for given, password in (
        ({"OPERATOR_PASSWORD": "of-the-variable"}, "of-the-variable"),
        (files, "of-the-file"),
    ):
        ran = subprocess.run(
            [REDIS_AS, "operator", "INFO", "memory"],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", **given},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout == f"{password} --user chargelight-operator INFO memory\n"


def test_redis_as_asks_at_the_port_of_its_node(tmp_path: Path) -> None:
    (tmp_path / "redis-cli").write_text(CLI)
    (tmp_path / "redis-cli").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    ran = subprocess.run(
        [REDIS_AS, "operator", "PING"],
        env={"PATH": path, "OPERATOR_PASSWORD": "word", "PORT": "7001"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "word -p 7001 --user chargelight-operator PING\n"


def test_redis_as_knows_no_user_without_a_password() -> None:
    path = {"PATH": os.environ["PATH"]}
    ran = subprocess.run([REDIS_AS, "admin"], env=path, capture_output=True, check=False)
    assert ran.returncode != 0
