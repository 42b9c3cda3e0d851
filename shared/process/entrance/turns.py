"""When those who come have their turn: a few in each turn of the event loop, or fewer."""

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.process.entrance.fair_queue import FairQueue

SHARE: Final = 1 / 8
"""What one takes of a turn of the event loop: a handshake without TLS, or a request."""
SHARE_OF_TLS: Final = 1.0


def call_soon(call: Callable[[], None]) -> object:
    """Call in the next turn of the running event loop."""
    return asyncio.get_running_loop().call_soon(call)


def network_of(address: str) -> str:
    """Return what its owner has many of: an IPv6 address' /64 (RFC 4291 section 2.5.4)."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))


@dataclass(eq=False, repr=False)
class Turns:
    """Lets what comes begin, so that others are served in between.

    A thousand handshakes may come at the same moment, and each costs as much as dozens of readings.
    """

    pause: Callable[[], float]
    """Returns for how many seconds all that come must wait; usually 0."""
    most: int
    """How many may wait."""
    call_soon: Callable[[Callable[[], None]], object] = call_soon
    """Calls in the next turn of the event loop."""
    _used: float = 0.0
    """Of the present turn of the event loop."""

    def __post_init__(self) -> None:
        self._queue = FairQueue[tuple[Callable[[], None], float]](self.most)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._queue)

    def take(self, share: float = SHARE) -> bool:
        """Tell whether one may begin at once; then it has had its turn."""
        if self._queue or self._used >= 1 or self.pause() > 0:
            return False
        self._use(share)
        return True

    def wait(self, address: str, begin: Callable[[], None], share: float = SHARE) -> bool:
        """Call ``begin`` in its turn, or soon; tell whether there was room to wait.

        Args:
            address: Where it comes from, or that of its balancer.
            begin: What is called.
            share: Of a turn of the event loop.
        """
        was_empty = not self._queue
        if not self._queue.add(network_of(address), (begin, share)):
            return False
        if was_empty and not self._used:
            self._go_on()
        return True

    def _use(self, share: float) -> None:
        is_first = not self._used
        self._used += share
        if is_first:
            self.call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._used = 0.0
        if self._queue:
            self._go_on()

    def _go_on(self) -> None:
        """Let begin what may; come again for the others."""
        if (pause := self.pause()) > 0:
            asyncio.get_running_loop().call_later(pause, self._on_turn)
            return
        while self._queue and self._used < 1:
            begin, share = self._queue.pop()
            self._use(share)
            begin()
