"""Parsing the frame that a charger usually sends."""

from collections.abc import Callable
from typing import Final

from services.gateway.connection.fast_frames import short_message
from tests.fixtures.raw_frames import reading

_FRAME: Final = reading(70)


def ready() -> Callable[[], object]:
    return lambda: short_message(_FRAME, 0)
