"""A part of the suite on a Redis Cluster, in every run: lights, their order, and presence.

All of it: ``CHARGELIGHT_TEST_REDIS=cluster make test``. What can happen to a cluster is in
``tests/faults/test_cluster.py``.
"""

import asyncio
import os
import sys

import pytest

from tests.fixtures.processes import ROOT
from tests.fixtures.redis_at import CLUSTER, VARIABLE, is_cluster_wanted
from tests.fixtures.reporting import server_options_of
from tools.servers.redis.open import open_redis_cluster
from tools.servers.wheels import NoServerError

PART = ("test_statuses.py", "test_order.py", "test_presence.py", "test_repairing.py")
SECONDS = 200.0


async def test_a_part_of_the_suite_passes_on_a_cluster(pytestconfig: pytest.Config) -> None:
    if is_cluster_wanted():
        pytest.skip("all of this run is on a cluster")
    try:
        cluster = await asyncio.to_thread(open_redis_cluster, server_options_of(pytestconfig))
    except NoServerError as error:
        pytest.skip(str(error))
    cluster.close()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"),
        *(f"tests/integration/hub/{name}" for name in PART),
        cwd=ROOT,
        env={**os.environ, VARIABLE: CLUSTER},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, output.decode(errors="replace")
    assert b" passed" in output
    assert b"cluster of 3 nodes" in output
