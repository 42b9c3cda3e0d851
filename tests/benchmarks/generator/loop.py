"""An event loop with nothing in it: one epoll, one callback per file."""

import ctypes
import select
import time
from collections.abc import Callable

clock = time.perf_counter
"""Seconds; all times of the generator are this clock's."""

READ = select.EPOLLIN
WRITE = select.EPOLLOUT

_PR_SET_TIMERSLACK = 29
_SLACK_NS = 1_000
_LONGEST_SECONDS = 3_600.0


class Loop:
    """Waits for sockets, and for times to a few microseconds.

    epoll's own timeout counts in milliseconds. `select` on the epoll file itself counts in
    microseconds; it takes only small file numbers, so a loop is made before any socket.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}
        # The kernel may otherwise be 50 µs late, to save wake-ups.
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _SLACK_NS, 0, 0, 0)

    def watch(self, fileno: int, ready: Callable[[], None], events: int = READ) -> None:
        """Call ``ready`` whenever the file can be read from (or written to)."""
        self._ready[fileno] = ready
        self._epoll.register(fileno, events)

    def change(self, fileno: int, ready: Callable[[], None], events: int = READ) -> None:
        """Watch a watched file in another way."""
        self._ready[fileno] = ready
        self._epoll.modify(fileno, events)

    def rebind(self, fileno: int, ready: Callable[[], None]) -> None:
        """Have another callback for the same events."""
        self._ready[fileno] = ready

    def forget(self, fileno: int) -> None:
        """Watch a file no longer; before it is closed."""
        if self._ready.pop(fileno, None) is not None:
            self._epoll.unregister(fileno)

    def turn(self, until: float) -> None:
        """Do what is ready; if nothing is, wait for that, but not beyond a time."""
        events = self._epoll.poll(0)
        if not events:
            left = until - clock()
            if left <= 0:
                return
            select.select([self._epoll], [], [], min(left, _LONGEST_SECONDS))
            events = self._epoll.poll(0)
        ready = self._ready
        for fileno, _ in events:
            # An earlier one of these may have closed it.
            if (callback := ready.get(fileno)) is not None:
                callback()
