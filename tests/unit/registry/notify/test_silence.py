"""Which chargers in use are silent."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.registry.live.state import ChargerState
from services.registry.notify.conditions.rented import InUse
from services.registry.notify.conditions.silence import Silence

NOW = datetime(2026, 11, 30, tzinfo=UTC)
IN_USE = InUse("c1", NOW, "", "")


def state(*, online: bool) -> ChargerState:
    unknown: dict[str, Any] = dict.fromkeys(ChargerState.model_fields)
    return ChargerState.model_construct(**(unknown | {"id": "c1", "online": online}))


@pytest.mark.parametrize(
    ("states", "raised", "expected"),
    [
        ({}, (), []),
        ({}, ["c1"], ["c1"]),  # Redis' directory lacks it right now
        ({"c1": state(online=False)}, (), []),
        ({"c1": state(online=False)}, ["c1"], ["c1"]),
        ({"c1": state(online=True)}, ["c1"], []),
    ],
)
def test_what_was_told_stays_until_the_charger_is_online(
    states: dict[str, ChargerState], raised: Collection[str], expected: list[str]
) -> None:
    silence = Silence(cast("Any", None), 600)
    found = silence.silent([IN_USE], states, raised, NOW)
    assert [each.subject for each in found] == expected
