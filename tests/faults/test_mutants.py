"""Each mechanism matters: without it, the row of the matrix that it stands for fails."""

import contextlib
from pathlib import Path

import pytest

from tests.faults.booth import open_booth
from tests.faults.catalogue import FAULTS
from tests.faults.mutants import MUTANTS, Mutant, build
from tests.faults.running import goes_wrong

MOST_RUNS = 30
"""A race is not lost every time. In one that is lost every third time, so many runs in a row are
right once in 200,000 times."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.mechanism)
async def test_without_a_mechanism_its_row_fails(mutant: Mutant, tmp_path: Path) -> None:
    assert await runs_until_wrong(mutant, tmp_path) is not None


async def runs_until_wrong(mutant: Mutant, folder: Path) -> int | None:
    """Run the mutant's row until a light is wrong; return how many runs that took."""
    code = build(mutant, folder / "code")
    async with contextlib.AsyncExitStack() as booths:
        booth = await booths.enter_async_context(
            open_booth(mutant.first_seed, code=code, logs=folder / "logs")
        )
        for number in range(MOST_RUNS):
            seed = mutant.first_seed + number * mutant.step
            if await goes_wrong(booth, FAULTS[mutant.row], seed, 8.0, mutant.judged_seconds):
                return number + 1
    return None
