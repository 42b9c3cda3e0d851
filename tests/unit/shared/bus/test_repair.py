"""Keys of another type that several processes meet at once."""

from collections.abc import Sequence
from typing import Any

import pytest
from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.repair.repair import remove_broken_of
from shared.bus.script import Call

_WRONG_TYPE = ResponseError("WRONGTYPE Operation against a key holding the wrong kind of value")
_VERSION = "chargelight:{p07}:directory-version"


async def _removes_nothing(calls: Sequence[Call]) -> list[Any]:
    return [[] for _ in calls]


async def test_a_key_that_another_process_removed_first_is_asked_for_again() -> None:
    with pytest.raises(BusUnavailableError):
        await remove_broken_of(_removes_nothing, [("GET", _VERSION)], [_WRONG_TYPE])


async def test_a_key_that_is_not_ours_stays() -> None:
    assert not await remove_broken_of(_removes_nothing, [("GET", "another")], [_WRONG_TYPE])
