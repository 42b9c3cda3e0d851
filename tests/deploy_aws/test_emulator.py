"""The stacks in an emulator: they are made, wired, changed, protected and rolled back.

Scaling and pipelines are not among them: they are only linted, and checked as data.
"""

import importlib.util
import json
import subprocess
import sys
from typing import Any, Final

import pytest

from tests.deploy_aws.emulator import PARAMETERS

SERVICES: Final = {"canary", "gateway", "registry", "router"}
OWN_NETWORK: Final = ["unshare", "--map-root-user", "--net"]


@pytest.fixture(scope="module")
def result() -> Any:
    """Run the scenario once."""
    if importlib.util.find_spec("ministack") is None:
        pytest.skip(
            "ministack is missing. It needs other versions than our tools: install it into a "
            "folder of its own, and name that in PYTHONPATH"
        )
    try:
        subprocess.run([*OWN_NETWORK, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine gives no process a network of its own (unshare --net)")
    command = [*OWN_NETWORK, sys.executable, "-m", "tests.deploy_aws.emulator"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=200)
    return json.loads(done.stdout)


def test_all_stacks_are_made(result: Any) -> None:
    assert result["created"] == dict.fromkeys(PARAMETERS, "CREATE_COMPLETE")


def test_what_one_stack_exports_another_one_uses(result: Any) -> None:
    tasks = result["tasks"]
    assert tasks.keys() == SERVICES
    assert {each["version"] for each in tasks.values()} == {"one"}
    assert len({tuple(each["subnets"]) for each in tasks.values()}) == 1
    assert len(tasks["gateway"]["subnets"]) == 3
    groups = [group for each in tasks.values() for group in each["groups"]]
    assert len(set(groups)) == len(SERVICES)
    assert "chargelight/redis-gateway-url" in tasks["gateway"]["secrets"]
    assert "chargelight/redis-gateway-url" not in tasks["router"]["secrets"]


def test_the_address_of_redis_has_its_password_in_it(result: Any) -> None:
    address = result["redis_url"]
    assert address.startswith("rediss://chargelight-gateway:")
    assert address.endswith(":6379")
    assert "resolve" not in address
    assert "$" not in address.rpartition("@")[2]


def test_a_new_version_changes_tasks_and_services_and_nothing_else(result: Any) -> None:
    names = [name.capitalize() for name in SERVICES]
    expected = {f"{name}{part}" for name in names for part in ("Task", "Service")}
    assert set(result["changes"]) == expected


def test_a_stack_that_another_one_imports_from_is_not_deleted(result: Any) -> None:
    assert "is imported by" in result["deletion"]
    assert result["after_deletion"] == "CREATE_COMPLETE"


def test_an_update_that_fails_leaves_the_version_of_before(result: Any) -> None:
    assert result["failure"] == "UPDATE_ROLLBACK_COMPLETE"
    assert result["after_failure"] == result["tasks"]
