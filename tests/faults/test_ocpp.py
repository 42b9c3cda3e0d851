"""Faults at a booth whose chargers speak OCPP, 1.6 and 2.0.1 in turns: of gateways and of Redis.

In the short form; all rows: ``CHARGELIGHT_TEST_DIALECT``, see `__main__`.
"""

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from services.simulator.devices.dialects import DialectName
from tests.faults.booth import Booth, Size, open_booth
from tests.faults.catalogue import FAULTS
from tests.faults.running import JUDGED_SOON_SECONDS, run_fault
from tests.faults.test_matrix import SHORT

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

ROWS: Final = (
    *("gateway-killed", "gateway-cut", "redis-emptied", "redis-empty", "redis-frozen", "rolling"),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def booth(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Booth]:
    size = Size(dialects=(DialectName.OCPP_16, DialectName.OCPP_201))
    async with open_booth(1, size=size, logs=tmp_path_factory.mktemp("booth")) as made:
        made.longest = SHORT
        yield made


@pytest.mark.parametrize("number", range(len(ROWS)), ids=ROWS)
async def test_no_widget_of_an_ocpp_charger_shows_the_wrong_light_after(
    booth: Booth, number: int
) -> None:
    # In every other one the chargers fall silent, so that nothing they say later heals.
    fault = FAULTS[ROWS[number]]
    run = await run_fault(booth, fault, seed=number, judged_seconds=JUDGED_SOON_SECONDS)
    assert not run.violations, "\n".join([*run.notes, *run.violations])
    assert run.recovery is not None
