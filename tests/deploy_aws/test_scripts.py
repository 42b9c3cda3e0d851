"""The scripts of deploy/aws, with stand-ins for `aws` and `docker` that write down their calls."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.deploy_aws.templates import FOLDER

AWS: Final = """#!/bin/sh
echo "aws $*" >> "$CALLS"
case "$*" in
  *describe-stacks*) echo definition:7 ;;
  *hub-PrivateSubnets*) echo subnet-1,subnet-2 ;;
  *hub-MigrationGroup*) echo sg-1 ;;
  *run-task*) echo task-1 ;;
  *stoppedReason*) echo CannotPullContainerError ;;
  *describe-tasks*) echo "$CODE" ;;
  *describe-repositories*hub/*) echo "registry.example.org/$4" ;;
  *describe-images*) case "$*" in *hub/router*) ;; *) exit 254 ;; esac ;;
  *get-login-password*) echo password ;;
esac
"""
DOCKER: Final = """#!/bin/sh
echo "docker $*" >> "$CALLS"
case "$1" in login) cat > /dev/null ;; esac
"""


def run(script: str, *arguments: str, folder: Path, code: str = "0") -> tuple[int, list[str]]:
    """Return how a script ended, and what it called."""
    for name, text in (("aws", AWS), ("docker", DOCKER)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    calls = folder / "calls"
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CALLS": str(calls),
        "CODE": code,
    }
    environment.pop("PYTHON_IMAGE", None)
    done = subprocess.run(
        [FOLDER / script, *arguments], env=environment, check=False, capture_output=True
    )
    return done.returncode, calls.read_text().splitlines()


@pytest.mark.parametrize(("code", "expected"), [("0", 0), ("3", 3), ("None", 1)])
def test_migrate_ends_as_its_task_did(code: str, expected: int, tmp_path: Path) -> None:
    assert run("migrate", "hub", folder=tmp_path, code=code)[0] == expected


def test_migrate_runs_the_newest_task_where_postgres_can_be_reached(tmp_path: Path) -> None:
    _, calls = run("migrate", "hub", folder=tmp_path)
    (call,) = (each for each in calls if "run-task" in each)
    assert "--cluster hub " in call
    assert "--task-definition definition:7 " in call
    network = "subnets=[subnet-1,subnet-2],securityGroups=[sg-1],assignPublicIp=DISABLED"
    assert f"awsvpcConfiguration={{{network}}}" in call
    assert any("wait tasks-stopped --cluster hub --tasks task-1" in each for each in calls)


def test_images_are_pushed_once(tmp_path: Path) -> None:
    code, calls = run("push-images", "hub", "abc", folder=tmp_path)
    assert code == 0
    pushed = {each.split()[-1] for each in calls if each.startswith("docker push")}
    # That of the router is there already.
    assert pushed == {
        f"registry.example.org/hub/{name}:abc" for name in ("gateway", "registry", "canary")
    }
    builds = [each for each in calls if each.startswith("docker build")]
    assert all("--build-arg SOURCE_COMMIT=abc " in each for each in builds)
    assert {each.split("SERVICE=")[1].split()[0] for each in builds} == {
        each.rpartition("/")[2].removesuffix(":abc") for each in pushed
    }
