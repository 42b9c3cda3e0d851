"""Chargers and widgets that say what they see: simulator code, every event recorded."""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

from websockets.asyncio.client import ClientConnection

from services.simulator.devices.charger import Acknowledged as Receipt
from services.simulator.devices.charger import Charger, ChargerEvent
from services.simulator.devices.charger import Sent as Sending
from services.simulator.devices.dialects import DialectName
from services.simulator.devices.disconnect_reason import Closed, DisconnectReason
from services.simulator.devices.phone import Phone
from services.simulator.devices.reconnect import Connected, Disconnected, Pace
from services.simulator.devices.widget import Lit, Widget, WidgetEvent
from services.simulator.fleet.pairs import Pair
from services.simulator.judging.thresholds import DEFAULT, parse_thresholds
from shared.contract.device_protocol import CloseCode
from tests.faults.checker import SETTLE_SECONDS, Checker
from tests.faults.history import (
    Acknowledged,
    Event,
    FaultBegan,
    FaultEnded,
    PairingBegan,
    PairingInEffect,
    Quiet,
    Sent,
    Shown,
    WidgetConnected,
    WidgetDisconnected,
)

DIALECT: Final = DialectName(os.environ.get("CHARGELIGHT_TEST_DIALECT", DialectName.NATIVE))
"""How chargers speak, unless a test says something else."""

INTERVAL_SECONDS: Final = 0.15
_LOOK_SECONDS: Final = 0.02
_UNHEARD_SECONDS: Final = 0.6
"""Several intervals: a charger that waits longer for a receipt is in trouble."""
_USUAL_SECONDS: Final = 0.2
"""A light that is not right for a shorter time just has not changed yet."""
_STEADY_SECONDS: Final = 1.0
"""Without trouble for so long, all is well."""
_FINAL_SECONDS: Final = 2.0
"""After the last receipt: longer than a sweep takes, which brings what doorbells did not."""
_STANDSTILL_SECONDS: Final = 1.0
"""If this process stands still for longer, services take Redis for lost: their cables lead
through it."""

_THRESHOLDS: Final = parse_thresholds(DEFAULT)


def quick_phone(rng: random.Random) -> Phone:
    """Return a phone that goes through all lights in two seconds, and so does the next one."""
    return Phone(rng.randrange(100), step=7, rest=2, arrive=lambda: float(rng.randrange(60)))


def low_phone(rng: random.Random) -> Phone:
    return Phone(rng.randrange(60), step=7, rest=0, arrive=lambda: float(rng.randrange(60)))


@dataclass(slots=True)
class _Charging:
    charger: Charger
    phone: Phone | None


class Devices:
    """The devices of a booth; its chargers speak the dialects in turns."""

    def __init__(
        self,
        chargers_url: str,
        widgets_url: str,
        checker: Checker,
        rng: random.Random,
        dialects: Sequence[DialectName] = (DIALECT,),
    ) -> None:
        self.chargers_url = chargers_url
        self._dialects = cycle(dialects)
        self._widgets_url = widgets_url
        self._checker = checker
        self._rng = rng
        self._tasks: list[asyncio.Task[None]] = []
        self._speaks = asyncio.Event()
        self._speaks.set()
        self.chargers: dict[str, _Charging] = {}
        self.widgets: dict[str, Widget] = {}
        self._widget_of: dict[str, str] = {}
        self.turned_away: list[str] = []
        """Registered devices that were told that they are not."""
        self.receipts: dict[str, float] = {}
        """When each charger got its newest receipt."""
        self.stood_still_until = 0.0
        """When this process last went on after a standstill."""
        self._start(self._watch_itself(), "watch itself")

    def add_charger(self, charger_id: str, phone: Phone | None = None) -> None:
        """Start a charger that reports all the time; without a phone only by `say`."""
        charger = Charger(
            charger_id,
            self.chargers_url,
            pace=Pace(self._rng),
            dialect=next(self._dialects),
            notify=self._of_charger(charger_id),
        )
        self.chargers[charger_id] = charging = _Charging(charger, phone)
        self._start(charger.run(), f"charger {charger_id}")
        if phone is not None:
            self._start(self._charge(charging.charger, phone), f"phone of {charger_id}")

    async def say(self, charger_id: str, level: float) -> None:
        """Have a charger without a phone report a level (%)."""
        await self.chargers[charger_id].charger.report(level)

    def record_again(self, charger_id: str) -> None:
        """Let the checker know that a charger's newest reading is sent again, by other means."""
        newest = self.chargers[charger_id].charger._newest
        assert newest is not None, f"{charger_id} has not reported yet"
        status = _THRESHOLDS.call_for(newest.level)
        self.record(Sent(time.monotonic(), charger_id, newest.number, status))

    def send_raw(self, charger_id: str, frames: bytes) -> None:
        """Send bytes on a charger's connection, as they are."""
        self._connection_of(charger_id).transport.write(frames)

    def address_of(self, charger_id: str) -> tuple[str, int]:
        """Return the address that a charger's connection comes from."""
        host, port = self._connection_of(charger_id).local_address
        return host, port

    def _connection_of(self, charger_id: str) -> ClientConnection:
        connection = self.chargers[charger_id].charger._connection
        assert connection is not None, f"{charger_id} is not connected"
        return connection

    def add_widget(self, widget_id: str) -> None:
        self.widgets[widget_id] = widget = Widget(
            widget_id,
            self._widgets_url,
            pace=Pace(self._rng),
            notify=self._of_widget(widget_id),
        )
        self._start(widget.run(), f"widget {widget_id}")

    def add_pairs(self, pairs: Sequence[Pair]) -> None:
        for pair in pairs:
            self.add_charger(pair.charger, quick_phone(self._rng))
            self.add_widget(pair.widget)

    def record(self, event: Event) -> None:
        """Let the checker judge something that was done to the devices."""
        self._checker.take(event)

    def record_pairing(self, charger_id: str | None, widget_id: str) -> None:
        """Know that a pairing was made before any of the two was there."""
        now = time.monotonic()
        self.record(PairingBegan(now, widget_id, charger_id))
        self.record(PairingInEffect(now, widget_id))
        if charger_id is not None:
            self._widget_of[charger_id] = widget_id

    async def pair(
        self, charger_id: str | None, widget_id: str, make: Callable[[], Awaitable[None]]
    ) -> None:
        """Pair again (or unpair), and tell the checker from when on."""
        self.record(PairingBegan(time.monotonic(), widget_id, charger_id))
        await make()
        self.record(PairingInEffect(time.monotonic(), widget_id))
        if charger_id is not None:
            self._widget_of[charger_id] = widget_id

    def widget_of(self, charger_id: str) -> str:
        return self._widget_of[charger_id]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    # Waiting for facts.

    def trouble(self) -> str:
        """Return who is not connected, not heard, or not right for longer than is usual."""
        now = time.monotonic()
        off = [i for i, one in self.chargers.items() if not one.charger.connected]
        off += [i for i, widget in self.widgets.items() if not widget.connected]
        if off:
            return f"not connected: {', '.join(off)}"
        unheard = [
            i
            for i, one in self.chargers.items()
            if now - self.receipts.get(i, 0.0) > _UNHEARD_SECONDS
            and (
                (self._speaks.is_set() and one.phone is not None) or not one.charger.is_acknowledged
            )
        ]
        if unheard:
            return f"without a receipt: {', '.join(unheard)}"
        dark = self._checker.not_right(now, _USUAL_SECONDS)
        return f"not right: {', '.join(dark)}" if dark else ""

    async def wait_until_well(self, since: float, at_least: float, within: float) -> float:
        """Wait until there is no trouble any more; return when it last was, after ``since``.

        Args:
            since: A moment; the result is in seconds after it.
            at_least: Look on for so long after that moment.
            within: Give up after so many seconds from now.

        Raises:
            TimeoutError: There still is trouble then.
        """
        deadline = time.monotonic() + within
        last = since
        while True:
            trouble, now = self.trouble(), time.monotonic()
            if trouble:
                last = now
                if now > deadline:
                    raise TimeoutError(trouble)
            elif now > since + at_least and now > last + _STEADY_SECONDS:
                return last - since
            await asyncio.sleep(_LOOK_SECONDS)

    def stop_readings(self) -> None:
        """Send no readings until `resume_readings`; the connections stay."""
        self._speaks.clear()

    def resume_readings(self) -> None:
        self._speaks.set()

    async def judge_quiet(self, within: float = 20.0) -> None:
        """Stop readings, wait for the last receipts, and have every light judged.

        Raises:
            TimeoutError: There are no receipts within so many seconds.
        """
        self.stop_readings()
        await asyncio.sleep(0)
        async with asyncio.timeout(within):
            for one in self.chargers.values():
                await one.charger.all_acknowledged()
        judged_at = time.monotonic() + _FINAL_SECONDS
        while (rest := judged_at - time.monotonic()) > 0:
            await asyncio.sleep(rest)
            if self.stood_still_until:
                judged_at = max(judged_at, self.stood_still_until + SETTLE_SECONDS)
        self.record(Quiet(time.monotonic()))

    async def _watch_itself(self) -> None:
        """Record it as a fault if this process stood still: the machine had no time for it."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LOOK_SECONDS)
            now = time.monotonic()
            if now - before > _STANDSTILL_SECONDS:
                name = f"the test stood still for {now - before:.1f} s"
                self.record(FaultBegan(before, name))
                self.record(FaultEnded(now, name))
                self.stood_still_until = now

    # What they do and see.

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _charge(self, charger: Charger, phone: Phone) -> None:
        await asyncio.sleep(self._rng.uniform(0, INTERVAL_SECONDS))
        while True:
            await self._speaks.wait()
            await charger.report(phone.level)
            phone.charge()
            await asyncio.sleep(INTERVAL_SECONDS)

    def _of_charger(self, charger_id: str) -> Callable[[ChargerEvent], None]:
        def note(event: ChargerEvent) -> None:
            now = time.monotonic()
            match event:
                case Sending(number, level):
                    self.record(Sent(now, charger_id, number, _THRESHOLDS.call_for(level)))
                case Receipt(number, _):
                    self.receipts[charger_id] = now
                    self.record(Acknowledged(now, charger_id, number))
                case Disconnected(ending):
                    self._left(charger_id, ending)
                case _:
                    pass

        return note

    def _left(self, device_id: str, ending: DisconnectReason) -> None:
        if isinstance(ending, Closed) and ending.code == CloseCode.NOT_REGISTERED:
            self.turned_away.append(f"{device_id} was told that it is not registered")

    def _of_widget(self, widget_id: str) -> Callable[[WidgetEvent], None]:
        connected = False

        def note(event: WidgetEvent) -> None:
            nonlocal connected
            now = time.monotonic()
            match event:
                case Connected():
                    connected = True
                    self.record(WidgetConnected(now, widget_id))
                case Disconnected(ending):
                    if connected:
                        self.record(WidgetDisconnected(now, widget_id))
                    connected = False
                    self._left(widget_id, ending)
                case Lit(status):
                    self.record(Shown(now, widget_id, status))
                case _:
                    pass

        return note
