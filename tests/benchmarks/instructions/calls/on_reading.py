"""The one step of a reading's way that asks each time whether traces are on."""

from collections.abc import Callable

from tests.benchmarks.instructions.calls.store_reading import connected


def ready() -> Callable[[], object]:
    chargers, charger = connected()
    return lambda: chargers.on_reading(charger)
