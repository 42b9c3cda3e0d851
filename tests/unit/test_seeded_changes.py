"""The changes that take out mechanisms, and seed bugs, fit the code as it is now.

What they prove takes minutes; that they can be made is seen here at once.
"""

from pathlib import Path

import pytest

from tests.faults.mutants import MUTANTS, Mutant, build
from tests.model.bugs import FOUND, HARMLESS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.mechanism)
def test_each_mechanism_can_be_taken_out(mutant: Mutant, tmp_path: Path) -> None:
    build(mutant, tmp_path / "code")


@pytest.mark.parametrize("name", [*FOUND, *HARMLESS])
def test_each_bug_can_be_seeded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (FOUND | HARMLESS)[name].seed(monkeypatch)
