"""A gateway dies, and all of its devices come back: until every widget has its light again.

Each charger's level changes at that moment, and it sends the new one once it is connected
again, then a ping: the pong says that it is stored. So a widget that shows what it showed
before does not pass for one that is lit again.
"""

import heapq
import random
import signal
import time
from collections import Counter
from functools import partial
from typing import Any, Final

from shared.process.backoff import Backoff
from tests.benchmarks.generator.connection import Connection, Place
from tests.benchmarks.generator.fleet import Fleet
from tests.benchmarks.generator.frames import READING_OF_STEP, STEP_OF
from tests.benchmarks.generator.loop import Loop, clock
from tests.benchmarks.generator.schedule import quantiles
from tests.fixtures.children import send_signal
from tests.fixtures.raw_frames import PING, masked

_FIRST_DELAY_SECONDS: Final = 0.1
_LONGEST_DELAY_SECONDS: Final = 5.0
_DEADLINE_SECONDS: Final = 120.0
_AFTERWARDS_SECONDS: Final = 1.0
"""How long a light that was right must not turn wrong."""
_PING_FRAME: Final = masked(PING, b"stored?")


class Lights:
    """What each widget shows, and should."""

    def __init__(self, fleet: Fleet) -> None:
        self.wanted = [number % len(READING_OF_STEP) for number in range(len(fleet.chargers))]
        self.shown: list[int | None] = [None] * len(fleet.widgets)
        self.lit_at = [0.0] * len(fleet.widgets)
        self.first_at = [0.0] * len(fleet.widgets)
        self.dark = len(fleet.widgets)
        for number, widget in enumerate(fleet.widgets):
            widget.on_text = partial(self._heard, number)

    def next_levels(self) -> None:
        """Change all levels: from now on every light is wrong."""
        self.wanted = [(step + 1) % len(READING_OF_STEP) for step in self.wanted]
        self.lit_at = [0.0] * len(self.wanted)
        self.first_at = [0.0] * len(self.wanted)
        self.dark = len(self.wanted)

    def reading(self, number: int) -> bytes:
        return READING_OF_STEP[self.wanted[number]]

    @property
    def wrong(self) -> int:
        """How many widgets show something else than they should."""
        return sum(one != other for one, other in zip(self.wanted, self.shown, strict=True))

    def _heard(self, number: int, message: bytes) -> None:
        now = clock()
        self.shown[number] = step = STEP_OF.get(message)
        self.first_at[number] = self.first_at[number] or now
        if step == self.wanted[number] and not self.lit_at[number]:
            self.lit_at[number] = now
            self.dark -= 1


class Storm:
    """The devices' side of it.

    Args:
        loop: Who watches their sockets.
        fleet: All devices, connected.
        lights: What widgets show.
        jitter: Whether delays are random, as the firmware rule says; else each waits the bound.
    """

    def __init__(self, loop: Loop, fleet: Fleet, lights: Lights, *, jitter: bool) -> None:
        self._loop = loop
        self._fleet = fleet
        self._lights = lights
        self._due: list[tuple[float, int, Connection]] = []
        self._jitter = jitter
        self.attempts = 0
        self.ends: Counter[str] = Counter()
        self.handshakes: list[float] = []
        self.stored: list[float] = []
        for number, device in enumerate(fleet.all):
            pace = _Pace(random.Random(number)) if jitter else _Pace(None)
            device.on_lost = partial(self._lost, device, pace)
            device.on_open = partial(self._opened, device, pace)
        for number, charger in enumerate(fleet.chargers):
            charger.on_open = partial(self._charger_opened, number, charger, charger.on_open)
            charger.on_pong = partial(self._stored, charger)

    def run(self, deadline: float) -> None:
        """Reconnect whoever is due, until all are lit or the time is over."""
        while self._lights.dark and clock() < deadline:
            self._turn(deadline)

    def watch(self, until: float) -> None:
        while clock() < until:
            self._turn(until)

    def _turn(self, until: float) -> None:
        now = clock()
        while self._due and self._due[0][0] <= now:
            self.attempts += 1
            heapq.heappop(self._due)[2].open()
            if self.attempts % 64 == 0:
                break  # a look at those that are answered meanwhile
        self._loop.turn(min(until, self._due[0][0]) if self._due else until)

    def _lost(self, device: Connection, pace: "_Pace", reason: str) -> None:
        self.ends[reason] += 1
        due = clock() + device.retry_after + pace.delay()
        heapq.heappush(self._due, (due, self.ends.total(), device))

    def _opened(self, device: Connection, pace: "_Pace") -> None:
        self.handshakes.append(device.opened_at - device.began_at)
        pace.reset()

    def _charger_opened(self, number: int, charger: Connection, opened: Any) -> None:
        opened()
        charger.send(self._lights.reading(number))
        charger.send(_PING_FRAME)

    def _stored(self, charger: Connection) -> None:
        self.stored.append(clock() - charger.opened_at)


class _Pace:
    """How long a device waits after each failure."""

    def __init__(self, rng: random.Random | None) -> None:
        self._backoff = (
            Backoff(_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS, rng) if rng is not None else None
        )
        self._bound = 0.0

    def delay(self) -> float:
        if self._backoff is not None:
            return self._backoff.delay()
        delay = self._bound
        self._bound = min(max(_FIRST_DELAY_SECONDS, 2 * delay), _LONGEST_DELAY_SECONDS)
        return delay

    def reset(self) -> None:
        if self._backoff is not None:
            self._backoff.reset()
        self._bound = 0.0


def storm(
    loop: Loop,
    fleet: Fleet,
    *,
    kill: int,
    host: str,
    charger_port: int,
    widget_port: int,
    jitter: bool,
) -> dict[str, Any]:
    """Light all widgets, kill a gateway, and come back to another one.

    Returns:
        Times in seconds and ms, counted from the kill or from each connection's opening.

    Raises:
        TimeoutError: Not all widgets were lit, before or after.
    """
    lights = Lights(fleet)
    for number, charger in enumerate(fleet.chargers):
        charger.send(lights.reading(number))
    deadline = clock() + _DEADLINE_SECONDS
    while lights.dark:
        loop.turn(deadline)
        if clock() > deadline:
            raise TimeoutError(f"{lights.dark} widgets were never lit")
    for charger in fleet.chargers:
        charger.place = Place(host, charger_port, charger.place.source)
    for widget in fleet.widgets:
        widget.place = Place(host, widget_port, widget.place.source)
    run = Storm(loop, fleet, lights, jitter=jitter)
    lights.next_levels()
    began, cpu = clock(), time.process_time()
    send_signal(kill, signal.SIGKILL)
    run.run(began + _DEADLINE_SECONDS)
    took = clock() - began
    share = (time.process_time() - cpu) / took
    if lights.dark:
        raise TimeoutError(f"{lights.dark} widgets are dark after {took:.0f} s: {run.ends}")
    run.watch(clock() + _AFTERWARDS_SECONDS)
    widgets = list(zip(fleet.widgets, lights.first_at, lights.lit_at, strict=True))
    return {
        "seconds": took,
        "generator_cpu_share": share,
        "attempts": run.attempts,
        "ends": dict(run.ends),
        "wrong": lights.wrong,
        "connected_ms": quantiles([device.opened_at - began for device in fleet.all]),
        "handshake_ms": quantiles(run.handshakes),
        "stored_ms": quantiles(run.stored),
        "first_status_ms": quantiles([first - widget.opened_at for widget, first, _ in widgets]),
        "lit_ms": quantiles([lit - began for _, _, lit in widgets]),
    }
