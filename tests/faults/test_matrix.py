"""The matrix of faults in its short form: each once, most of them shorter. ``make faults`` is long.

All at one booth, one after the other, so that each finds what the one before has left.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.booth import Booth, open_booth
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.running import JUDGED_SOON_SECONDS, run_fault, run_sequence

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

SHORT = 0.3
"""Share of its full time that a fault lasts here."""

SHORT_FORM = [fault for fault in FAULTS.values() if not fault.long]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def booth(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Booth]:
    async with open_booth(1, logs=tmp_path_factory.mktemp("booth")) as made:
        made.longest = SHORT
        yield made


@pytest.mark.parametrize("number", range(len(SHORT_FORM)), ids=[fault.name for fault in SHORT_FORM])
async def test_no_widget_shows_the_wrong_light_after(booth: Booth, number: int) -> None:
    fault: Fault = SHORT_FORM[number]
    because = fault.unavailable_because()
    if because is not None:
        pytest.skip(because)
    # In every other one the chargers fall silent, so that nothing they say later heals.
    run = await run_fault(booth, fault, seed=number, judged_seconds=JUDGED_SOON_SECONDS)
    assert not run.violations, "\n".join([*run.notes, *run.violations])
    assert run.recovery is not None


async def test_no_widget_shows_the_wrong_light_after_several_faults_in_a_row(booth: Booth) -> None:
    # The second leaves the chargers silent, and the third adds a pair.
    names = ("router-cut", "statuses-deleted", "redis-behind")
    run = await run_sequence(booth, 3, seed=1, names=names)
    assert not run.violations, (run.what, run.violations)
