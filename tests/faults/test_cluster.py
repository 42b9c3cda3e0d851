"""What can happen to a Redis Cluster, each once, at one booth: no widget shows the wrong light."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.cluster import FAULTS, ClusterBooth, open_cluster_booth
from tests.faults.running import JUDGED_SOON_SECONDS, run_fault
from tests.fixtures.reporting import note_use, server_options_of
from tools.servers.wheels import NoServerError

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def booth(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> AsyncIterator[ClusterBooth]:
    opening = open_cluster_booth(
        1, tmp_path_factory.mktemp("booth"), server_options=server_options_of(pytestconfig)
    )
    try:
        made = await opening.__aenter__()
    except NoServerError as error:
        pytest.skip(str(error))
    note_use(pytestconfig, f"Redis: {made.cluster.description}")
    try:
        yield made
    finally:
        await opening.__aexit__(None, None, None)


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=list(FAULTS))
async def test_no_widget_shows_the_wrong_light_after(booth: ClusterBooth, number: int) -> None:
    # In every other one the chargers fall silent, so that nothing they say later heals.
    fault = list(FAULTS.values())[number]
    because = fault.unavailable_because()
    if because is not None:
        pytest.skip(because)
    run = await run_fault(booth, fault, seed=number, judged_seconds=JUDGED_SOON_SECONDS)
    assert not run.violations, run.violations
    assert run.recovery is not None
