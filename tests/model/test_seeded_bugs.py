"""Each seeded bug breaks the promise, and the machine finds it; else the model would prove nothing.

Four are made up for by other mechanisms. If one of those is removed, a test here fails.
"""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.bugs import AIMS, FOUND, HARMLESS
from tests.model.machine import Aim, HubMachine
from tests.model.moves import Group
from tests.model.steps import BrokenError

_EXAMPLES = 150
"""Most that are tried."""
_HARMLESS_EXAMPLES = 25


def _run(hub: type[HubMachine], examples: int) -> None:
    run_state_machine_as_test(
        hub,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("name", FOUND)
def test_the_machine_finds(
    name: str, hub: type[HubMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    FOUND[name].seed(monkeypatch)
    hub.aim = AIMS[name]
    with pytest.raises(BrokenError):
        _run(hub, _EXAMPLES)
    print(f"after {hub.examples - 1} examples, {hub.moves} moves")  # noqa: T201 - shown by -rP


@pytest.mark.parametrize("name", HARMLESS)
def test_another_mechanism_makes_up_for(
    name: str, hub: type[HubMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    HARMLESS[name].seed(monkeypatch)
    hub.aim = Aim(frozenset({Group.OPERATOR, Group.MESSAGES}))
    _run(hub, _HARMLESS_EXAMPLES)
