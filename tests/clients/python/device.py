"""What the programs in this folder share: where their two devices connect, and what they print.

A program is run as `python -m tests.clients.python.with_… CHARGER WIDGET [CHARGER WIDGET]…`, each
word an address. Its charger and its widget connect to their first address, and to the next one
when a connection ends. The phone is at 70 % first, then full. What happens is printed, one line
each.
"""

import asyncio
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A charger or a widget.

    Args:
        name: which of the two.
        addresses: where it connects, one after the other.
    """

    name: str
    addresses: list[str]

    def connections(self) -> Iterator[tuple[str, str]]:
        """Yield each address, and what to send right after connecting: nothing if it is empty."""
        for number, address in enumerate(self.addresses):
            yield address, reading(100 if number else 70) if self.name == "charger" else ""

    def say(self, *words: object) -> None:
        """Print what happened: `open`, `message TEXT`, `closed CODE REASON` or `failed ERROR`."""
        # In one piece: the other device may speak at the same moment, in another thread.
        sys.stdout.write(" ".join(map(str, (self.name, *words))) + "\n")
        sys.stdout.flush()


def reading(level: float) -> str:
    return json.dumps({"event": "StateOfCharge", "data": {"soc": level}})


def devices() -> tuple[Device, Device]:
    return Device("charger", sys.argv[1::2]), Device("widget", sys.argv[2::2])


def run_in_threads(run: Callable[[Device], None]) -> None:
    """Run both devices, each in a thread."""

    def alone(device: Device) -> None:
        try:
            run(device)
        except Exception as error:  # noqa: BLE001 - whatever the library says is the result
            device.say("failed", repr(error))

    threads = [threading.Thread(target=alone, args=(device,)) for device in devices()]
    for thread in threads:
        thread.start()
    for thread in threads:  # a library's own threads may need the main one
        thread.join()


async def run_in_tasks(run: Callable[[Device], Awaitable[None]]) -> None:
    """Run both devices in one event loop."""

    async def alone(device: Device) -> None:
        try:
            await run(device)
        except Exception as error:  # noqa: BLE001 - whatever the library says is the result
            device.say("failed", repr(error))

    await asyncio.gather(*map(alone, devices()))
