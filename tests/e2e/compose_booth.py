"""Chargers and widgets on a running stack, for tests that damage it."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Self

from services.simulator.devices.charger import Charger, ChargerEvent
from services.simulator.devices.disconnect_reason import Closed
from services.simulator.devices.reconnect import Disconnected, Pace
from services.simulator.devices.widget import Widget, WidgetEvent
from services.simulator.fleet.pairs import Pair
from services.simulator.fleet.registration import Registration
from shared.contract.device_protocol import ChargingStatus

READINGS = {
    0.0: ChargingStatus.CHARGING,
    79.9: ChargingStatus.CHARGING,
    80.0: ChargingStatus.CHARGING80,
    99.9: ChargingStatus.CHARGING80,
    100.0: ChargingStatus.CHARGED,
}
"""States of charge on both sides of each threshold, and what a widget shows for them."""

_RECONNECT_SECONDS = 30.0
_READING_INTERVAL_SECONDS = 0.05


class Booth:
    """Simulated devices, and what each widget shows now."""

    def __init__(self, pairs: Sequence[Pair], charger_url: str, widget_url: str) -> None:
        self._rng = random.Random()
        self._chargers = [
            Charger(pair.charger, charger_url, pace=Pace(self._rng), notify=self._note)
            for pair in pairs
        ]
        self._widgets = [
            Widget(pair.widget, widget_url, pace=Pace(self._rng), notify=self._note)
            for pair in pairs
        ]
        self._devices: list[Charger | Widget] = [*self._chargers, *self._widgets]
        self._changed = asyncio.Event()
        self.disconnections: list[Disconnected] = []
        """Each lost connection and each failed attempt, of all devices."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, pairs: Sequence[Pair], *, charger_url: str, widget_url: str
    ) -> AsyncIterator[Self]:
        """Let the devices connect, and keep them connected while the context is open."""
        booth = cls(pairs, charger_url, widget_url)
        async with asyncio.TaskGroup() as devices:
            tasks = [
                devices.create_task(device.run(), name=device.device.device_id)
                for device in booth._devices
            ]
            try:
                await booth.all_connected()
                yield booth
            finally:
                for task in tasks:
                    task.cancel()

    def close_codes(self) -> set[int]:
        """Return how connections ended; attempts that led to none do not count."""
        endings = [lost.reason for lost in self.disconnections]
        return {ending.code for ending in endings if isinstance(ending, Closed)}

    async def all_connected(self, within: float = _RECONNECT_SECONDS) -> None:
        def connected() -> bool:
            return all(device.connected for device in self._devices)

        async with asyncio.timeout(within):
            while not connected():
                await self._change()

    async def report_anew(self) -> dict[str, ChargingStatus]:
        """Send one reading per charger and wait for the receipts.

        Returns:
            What each widget has to show for it, by charger id.
        """
        expected = {}
        for charger in self._chargers:
            level = self._rng.choice(list(READINGS))
            expected[charger.device.device_id] = READINGS[level]
            await charger.report(level)
        async with asyncio.timeout(_RECONNECT_SECONDS):
            for charger in self._chargers:
                await charger.all_acknowledged()
        return expected

    async def lights_become(self, expected: Mapping[str, ChargingStatus], by: float) -> None:
        """Wait until each widget shows what is expected.

        Raises:
            AssertionError: Some light is wrong at that time; it names them.
        """
        try:
            async with asyncio.timeout_at(by):
                while self.lights() != expected:
                    await self._change()
        except TimeoutError:
            assert self.lights() == expected  # says which light is wrong

    def lights(self) -> dict[str, ChargingStatus | None]:
        devices = zip(self._chargers, self._widgets, strict=True)
        return {charger.device.device_id: widget.shown for charger, widget in devices}

    @contextlib.asynccontextmanager
    async def readings_flow(self) -> AsyncIterator[None]:
        """Send readings of random levels from all chargers while the context is open."""
        async with asyncio.TaskGroup() as chargers:
            tasks = [
                chargers.create_task(self._flow(charger), name=f"readings {number}")
                for number, charger in enumerate(self._chargers)
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _flow(self, charger: Charger) -> None:
        while True:
            await charger.report(self._rng.choice(list(READINGS)))
            await asyncio.sleep(_READING_INTERVAL_SECONDS)  # the load's pace

    def _note(self, event: ChargerEvent | WidgetEvent) -> None:
        if isinstance(event, Disconnected):
            self.disconnections.append(event)
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


async def register(registry_url: str, pairs: Sequence[Pair]) -> None:
    """Register and pair devices, as an operator does.

    Raises:
        RegistrationError: The registry refuses.
    """
    rng = random.Random()
    async with Registration(registry_url, rng=rng, waiting=print) as registration:
        await registration.register_all(pairs)
