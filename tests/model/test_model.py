"""The promise holds, whatever happens in whichever order."""

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import HubMachine

_EXAMPLES: Final = int(os.environ.get("CHARGELIGHT_MODEL_EXAMPLES", "120"))
"""Each makes 50 moves or so. Set it to some thousands for a long run."""


def test_the_promise_holds(hub: type[HubMachine]) -> None:
    run_state_machine_as_test(
        hub,
        settings=settings(
            max_examples=_EXAMPLES,
            stateful_step_count=50,
            database=None,
            # Not explained: that runs for minutes, and the moves say it all.
            phases=[Phase.generate, Phase.shrink],
            # An example waits for Redis a few hundred times.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
    print(f"{hub.examples} examples, {hub.moves} moves, {hub.lights} lights")  # noqa: T201 - for -rP
