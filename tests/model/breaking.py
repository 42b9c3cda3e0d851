"""Values in Redis that break: another type, junk, a wrong shape, or numbers from the future."""

import contextlib
import json
from collections.abc import Callable
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.script import Argument
from tests.model.promise import FUTURE
from tests.model.world import World

_Value = dict[str, Any]
_Commands = list[tuple[Argument, ...]]


def break_one(world: World, a: int, b: int) -> None:
    """Break one of the values that lights depend on; a says which, b says how."""
    if world.went_back:
        return
    names = world.names
    charger = world.chargers[a // 6 % len(world.chargers)]
    widget = world.widgets[a // 6 % len(world.widgets)]
    of_charger, of_widget = names.of_charger(charger), names.of_widget(widget)
    places: tuple[tuple[str, str | None, _Value], ...] = (
        (of_charger.live, charger, {"epoch": FUTURE}),
        (of_charger.directory, charger, {"pairing": FUTURE}),
        (of_widget.directory, widget, {"pairing": FUTURE}),
        (of_widget.statuses, widget, {"revision": [FUTURE, 1]}),
        (of_charger.pending, None, {}),
        (of_charger.directory_version, None, {}),
    )
    key, field, future = places[a % len(places)]
    with contextlib.suppress(ResponseError):  # it is broken already
        world.server.commands(_broken(world, key, field, future, b))
    world.suspect()
    if b % 7 == 5:
        world.project_all_soon()


def _broken(
    world: World, key: str, field: str | None, future: dict[str, Any], how: int
) -> _Commands:
    if how % 7 == 0 or field is None:
        return [("DEL", key), ("LPUSH", key, "junk")]
    if how % 7 == 1:
        return [("HDEL", key, field)]
    if how % 7 == 2:
        return [("DEL", key)]
    value = world.promise.decoded(key, field)
    if not value:
        return []
    return [("HSET", key, field, _JUNK[how % 7 - 3](value, future))]


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


_JUNK: Final[tuple[Callable[[_Value, _Value], str], ...]] = (
    lambda _value, _future: "junk",
    lambda value, _future: _text({**value, "revision": 3, "widget": 5}),
    lambda value, future: _text(value | future),
    lambda value, future: _text({**value, **dict.fromkeys(future, 2**53)}),
)
"""From what is there, and what of it would be from the future."""
