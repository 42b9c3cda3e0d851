"""A part of the suite on a Redis Cluster, in every run: lights, their order, and presence.

All of it: ``CHARGELIGHT_TEST_REDIS=cluster make test``. What can happen to a cluster is in
``tests/faults/test_cluster.py``.
"""

import asyncio

import pytest

from tests.fixtures.redis_at import CLUSTER, VARIABLE, is_cluster_wanted, is_oldest_wanted
from tests.fixtures.reporting import server_options_of
from tests.integration.part_of_suite import pass_on, takes_long
from tools.servers.redis.open import open_redis_cluster
from tools.servers.wheels import NoServerError

pytestmark = takes_long

PART = (
    "hub/test_charger_commands.py",
    "hub/test_statuses.py",
    "hub/test_order.py",
    "hub/test_presence.py",
    "hub/test_repairing.py",
    "redis_state/test_repair.py",
)


async def test_a_part_of_the_suite_passes_on_a_cluster(pytestconfig: pytest.Config) -> None:
    if is_cluster_wanted() or is_oldest_wanted():
        pytest.skip("all of this run is on one kind of Redis")
    try:
        cluster = await asyncio.to_thread(open_redis_cluster, server_options_of(pytestconfig))
    except NoServerError as error:
        pytest.skip(str(error))
    cluster.close()
    await pass_on({VARIABLE: CLUSTER}, PART, "cluster of 3 nodes")
