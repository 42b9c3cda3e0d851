"""The devices of a generator: connected a few hundred at a time, and all that they do alone."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

from tests.benchmarks.generator.connection import Connection, Place
from tests.benchmarks.generator.loop import Loop, clock
from tests.benchmarks.generator.schedule import quantiles

_AT_ONCE: Final = 200
"""Handshakes under way at one time: a fleet that comes in, no herd."""
_DEADLINE_SECONDS: Final = 120.0
PATHS: Final = {"charger": "/chargers/c{:05}", "widget": "/widgets/w{:05}"}


class Fleet:
    """Chargers and widgets, each numbered; a pair has the same number."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.chargers: list[Connection] = []
        self.widgets: list[Connection] = []
        self.lost: Counter[str] = Counter()

    @property
    def all(self) -> list[Connection]:
        return self.chargers + self.widgets

    def connect(self, kind: str, place: Place, numbers: Sequence[int]) -> dict[str, Any]:
        """Connect devices of a kind, and return once all are.

        Raises:
            TimeoutError: That takes too long; the message says why some failed.
        """
        own = self.chargers if kind == "charger" else self.widgets
        made = [Connection(self._loop, place, PATHS[kind].format(number)) for number in numbers]
        own += made
        for connection in made:
            connection.on_lost = self._lost
        began = clock()
        self._open(iter(made), len(made))
        handshakes = [connection.opened_at - connection.began_at for connection in made]
        return {
            "connected": len(made),
            "seconds": clock() - began,
            "handshake_ms": quantiles(handshakes),
        }

    def _open(self, waiting: Iterator[Connection], count: int) -> None:
        opened = 0

        def another() -> None:
            connection = next(waiting, None)
            if connection is not None:
                connection.on_open = came
                connection.open()

        def came() -> None:
            nonlocal opened
            opened += 1
            another()

        for _ in range(_AT_ONCE):
            another()
        deadline = clock() + _DEADLINE_SECONDS
        while opened < count:
            self._loop.turn(deadline)
            if self.lost or clock() > deadline:
                raise TimeoutError(f"{opened} of {count} devices connected: {dict(self.lost)}")

    def close(self) -> dict[str, Any]:
        lost, count = sum(self.lost.values()), len(self.chargers) + len(self.widgets)
        for connection in self.all:
            connection.close()
        self.chargers, self.widgets, self.lost = [], [], Counter()
        return {"closed": count - lost, "lost": lost}

    def rest(self, seconds: float) -> dict[str, Any]:
        """Do nothing but answer pings for a while."""
        before = sum(connection.pings for connection in self.all)
        until = clock() + seconds
        while clock() < until:
            self._loop.turn(until)
        return {
            "pings": sum(connection.pings for connection in self.all) - before,
            "lost": dict(self.lost),
        }

    def _lost(self, reason: str) -> None:
        self.lost[reason] += 1
