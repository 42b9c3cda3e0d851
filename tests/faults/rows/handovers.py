"""A charger is handed over: its next visitor has another widget.

What the last visitor's phone said must not light it, whenever it arrives. Here: one charger
that speaks only when it is told to, and two widgets that take turns.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Final

from shared.contract.device_protocol import CloseCode
from tests.faults.booth import Booth
from tests.fixtures.fault_proxy import HOST
from tests.fixtures.processes import ServiceError
from tests.fixtures.raw_device import RawDevice
from tests.fixtures.raw_frames import CONTINUATION, PING, PONG, TEXT, masked, reading

CHARGER: Final = "handed-c"
WIDGETS: Final = ("handed-w1", "handed-w2")
WELL_SECONDS: Final = 15.0
CHARGED: Final = 100.0
_ON_ITS_WAY_SECONDS: Final = 1.0
"""Between a reading that is held up and the next pairing: longer than the checker's slack."""
ASKED_SECONDS: Final = 15.0
"""In which a charger is asked for its level again, if what it said cannot light its widget.

A flood of pings takes 7 s to read. A gateway asks after 2 s, and once more if it could not read the
pairing when the charger connected again: its connection for that may be one that Redis closed.
"""
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


async def say_again(booth: Booth) -> None:
    """Wait until the charger was asked for its level, and has lit the next visitor's widget."""
    widget = booth.devices.widgets[booth.devices.widget_of(CHARGER)]
    async with asyncio.timeout(ASKED_SECONDS):
        while widget.shown is None:  # noqa: ASYNC110 - a widget sets no event
            await asyncio.sleep(0.05)


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
    await say_again(booth)


async def stall_handshake(booth: Booth) -> None:
    """The same, and the reading came together with the handshake."""
    await arrive(booth)
    gateway = booth.some_gateway()
    newcomer = _Newcomer(f"/chargers/{CHARGER}", reading(CHARGED))
    async with booth.fault("gateway stopped across a handshake"):
        gateway.process.freeze()
        booth.devices.record_again(CHARGER)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: newcomer, HOST, gateway.charger_port)
        booth.closing.callback(newcomer.transport.abort)
        await asyncio.sleep(_ON_ITS_WAY_SECONDS)
        await hand_over(booth)
        gateway.process.thaw()
    async with asyncio.timeout(ASKED_SECONDS):
        await newcomer.asked.wait()
    # Its older connection is superseded: it is told so, and says its level on the next one.
    await booth.devices.say(CHARGER, CHARGED)
    await say_again(booth)


class _Newcomer(RawDevice):
    """Another connection of the charger, which leaves when it is asked to connect again."""

    def __init__(self, path: str, first: bytes) -> None:
        super().__init__(path, first)
        self.asked = asyncio.Event()

    def on_frame(self, payload: bytes) -> None:
        if payload.startswith(CloseCode.GOING_AWAY.to_bytes(2, "big")):
            self.asked.set()
            self.transport.close()


async def hold_up(booth: Booth) -> None:
    """Hold a reading up on its way, behind pongs that nobody asked for, and hand over: no fault."""
    await arrive(booth)
    link = booth.link_of(CHARGER)
    link.hold()
    booth.devices.send_raw(CHARGER, masked(PONG) + masked(PONG, b"1"))
    await booth.devices.say(CHARGER, CHARGED)
    await asyncio.sleep(_ON_ITS_WAY_SECONDS)
    await hand_over(booth)
    # The gateway knows of the pairing by now, and has sent its ping.
    await asyncio.sleep(_ON_ITS_WAY_SECONDS)
    link.release()
    async with booth.fault("reading held up"):
        pass
    await say_again(booth)


async def cut_message(booth: Booth) -> None:
    """Send the first half of a reading before the hand-over, the second after it: no fault."""
    await arrive(booth)
    first, second = b'{"event":"StateOfCharge",', b'"data":{"soc":100}}'
    booth.devices.record_again(CHARGER)
    booth.devices.send_raw(CHARGER, masked(TEXT, first, final=False))
    await asyncio.sleep(_ON_ITS_WAY_SECONDS)
    await hand_over(booth)
    await asyncio.sleep(_ON_ITS_WAY_SECONDS)
    booth.devices.send_raw(CHARGER, masked(CONTINUATION, second))
    async with booth.fault("message cut"):
        pass
    await say_again(booth)


async def flood_with_pings(booth: Booth) -> None:
    """Send thousands of pings and then a reading, and hand over a moment later: no fault."""
    await arrive(booth)
    booth.devices.send_raw(CHARGER, b"".join(masked(PING, b"busy") for _ in range(_PINGS)))
    await booth.devices.say(CHARGER, CHARGED)
    await asyncio.sleep(0.7)
    await hand_over(booth)
    async with booth.fault("pings"):
        pass
    await say_again(booth)
