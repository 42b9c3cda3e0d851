"""Re-pairing while readings flow: two chargers that never call for the same light swap widgets."""

import random
import time
from typing import Final

from services.simulator.devices.phone import Phone
from services.simulator.fleet.pairs import Pair
from tests.faults.booth import Booth
from tests.faults.devices import low_phone
from tests.faults.rows.handovers import pair_until_in_effect

SWAPS: Final = 3
WELL_SECONDS: Final = 15.0
_HIGH: Final = Pair("mover-high-c", "mover-high-w")
_LOW: Final = Pair("mover-low-c", "mover-low-w")
CHARGERS: Final = (_HIGH.charger, _LOW.charger)


def high_phone(rng: random.Random) -> Phone:
    return Phone(80 + rng.randrange(20), 7, 2, arrive=lambda: float(80 + rng.randrange(15)))


async def swaps(booth: Booth) -> None:
    """Swap the widgets of two chargers a few times: one always calls for red, one never does."""
    await begin(booth)
    for _ in range(SWAPS):
        await swap(booth)
    async with booth.fault("re-pairing"):
        await swap(booth)


async def begin(booth: Booth) -> None:
    """Have the two pairs be there."""
    if _HIGH.charger in booth.devices.chargers:
        return
    await booth.hub.register(*((pair.charger, pair.widget) for pair in (_HIGH, _LOW)))
    for pair in (_HIGH, _LOW):
        booth.devices.record_pairing(pair.charger, pair.widget)
        booth.devices.add_widget(pair.widget)
    booth.devices.add_charger(_HIGH.charger, high_phone(booth.rng))
    booth.devices.add_charger(_LOW.charger, low_phone(booth.rng))
    await booth.devices.wait_until_well(time.monotonic(), 0.0, WELL_SECONDS)


async def swap(booth: Booth) -> None:
    """Swap the widgets once; return when that is in effect."""
    devices, hub = booth.devices, booth.hub
    first, second = booth.rng.sample([_HIGH, _LOW], 2)
    theirs = devices.widget_of(first.charger)
    others = devices.widget_of(second.charger)

    async def take() -> None:
        await pair_until_in_effect(lambda: hub.pair(first.charger, others, replace=True))

    async def give() -> None:
        await pair_until_in_effect(lambda: hub.pair(second.charger, theirs))

    async def both_end() -> None:
        # The first takes the second's widget; its own has no charger then.
        await devices.pair(first.charger, others, take)

    await devices.pair(None, theirs, both_end)
    await devices.pair(second.charger, theirs, give)
