"""Decoding and checking a charger's message."""

from collections.abc import Callable
from typing import Final

from services.gateway.chargers.readings import state_of_charge_of

_MESSAGE: Final = b'{"event":"StateOfCharge","data":{"soc":70}}'


def ready() -> Callable[[], object]:
    read = state_of_charge_of.__wrapped__  # not what is remembered of it
    return lambda: read(_MESSAGE)
