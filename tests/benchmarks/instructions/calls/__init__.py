"""The functions that are measured, a module each, whose `ready` returns something to call.

A module of its own each, so that a count does not begin with importing all of the project.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Final

Ready = Callable[[], object]

NAMES: Final = (
    "nothing",
    "parse_frame",
    "decode_reading",
    "take_segment",
    "on_reading",
    "store_reading",
    "route_reading",
    "decode_status",
)


def ready(name: str) -> Ready:
    made: Ready = import_module(f"{__name__}.{name}").ready()
    return made
