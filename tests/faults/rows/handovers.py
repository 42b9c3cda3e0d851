"""A charger is handed over: its next visitor has another widget.

What the last visitor's phone said must not light it, whenever it arrives. Here: one charger
that speaks only when it is told to, and two widgets that take turns.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

from tests.faults.booth import Booth
from tests.fixtures.processes import ServiceError
from tests.fixtures.raw_frames import PING, masked

CHARGER: Final = "handed-c"
WIDGETS: Final = ("handed-w1", "handed-w2")
WELL_SECONDS: Final = 15.0
CHARGED: Final = 100.0
_ON_ITS_WAY_SECONDS: Final = 1.0
"""Between a reading that is held up and the next pairing: longer than the checker's slack."""
_PINGS: Final = 4000


async def arrive(booth: Booth) -> None:
    """Have the charger's visitor be there, with a full phone and a green widget."""
    devices = booth.devices
    if CHARGER not in devices.chargers:
        first, second = WIDGETS
        await booth.hub.register((CHARGER, first))
        await booth.hub.register_widget(second)
        devices.record_pairing(CHARGER, first)
        devices.record_pairing(None, second)
        devices.add_charger(CHARGER)
        for widget in WIDGETS:
            devices.add_widget(widget)
    await devices.say(CHARGER, CHARGED)
    await devices.wait_until_well(time.monotonic(), 0.0, WELL_SECONDS)


async def hand_over(booth: Booth) -> None:
    """Give the charger's next visitor the other widget; return once that is in effect."""
    devices = booth.devices
    theirs = devices.widget_of(CHARGER)
    other = next(widget for widget in WIDGETS if widget != theirs)

    async def take() -> None:
        await pair_until_in_effect(lambda: booth.hub.pair(CHARGER, other, replace=True))

    async def both() -> None:
        await devices.pair(CHARGER, other, take)

    await devices.pair(None, theirs, both)


async def pair_until_in_effect(pair: Callable[[], Awaitable[object]]) -> None:
    """Pair, and repeat that until the hub says that it is in effect."""
    async with asyncio.timeout(WELL_SECONDS):
        while True:
            with contextlib.suppress(ServiceError):
                await pair()
                return
            await asyncio.sleep(0.2)


async def stall_gateway(booth: Booth) -> None:
    """Stop a gateway with a reading on its way to it, and hand the charger over meanwhile."""
    await arrive(booth)
    victim = booth.gateway_of(CHARGER).process
    async with booth.fault("gateway stopped across a hand-over"):
        victim.freeze()
        await booth.devices.say(CHARGER, CHARGED)
        await asyncio.sleep(_ON_ITS_WAY_SECONDS)
        await hand_over(booth)
        victim.thaw()


async def flood_with_pings(booth: Booth) -> None:
    """Send thousands of pings and then a reading, and hand over a moment later: no fault."""
    await arrive(booth)
    booth.devices.send_raw(CHARGER, b"".join(masked(PING, b"busy") for _ in range(_PINGS)))
    await booth.devices.say(CHARGER, CHARGED)
    await asyncio.sleep(0.7)
    await hand_over(booth)
    async with booth.fault("pings"):
        pass
