"""Simulated phones in a booth: a battery, a charger, a visitor who may use the phone, a gauge.

The battery is a voltage that grows with the level, and a resistance; the charger gives what power
it has until the battery's voltage is at its limit, and then what keeps it there. So the estimate's
formula for the slow end is not in here: it must come out of the physics.
"""

import random
from dataclasses import dataclass
from typing import Final

from services.registry.estimate.progress import Point

_STEP: Final = 5 / 60
"""Of the simulation, in minutes."""
_LONGEST: Final = 12 * 60
"""In minutes: longer than any phone needs."""
_FULL_VOLTS: Final = 4.35
_EMPTY_VOLTS: Final = 3.45


@dataclass(frozen=True, slots=True)
class Phone:
    """One phone with its charger and its visitor.

    Attributes:
        capacity: In watt-hours.
        power: What the charger gives, in watts.
        power_later: The same above `later`, in watts: fast chargers step down when it gets warm.
        later: From which level on, in percent.
        taper: The level at which the battery's voltage meets its limit, in percent.
        cut_off: The share of the first current at which the phone says that it is full.
        idle: What the phone itself takes, in watts.
        in_use: What it takes in the visitor's hands, in watts.
        uses: Share of the time that it is in use.
        pauses: From when until when it is unplugged, in minutes.
        start: The level at the hand-over, in percent.
        every: How often the charger reports, in minutes.
        lost: Share of the readings that do not arrive.
        gauge: By how much a reading may be wrong, in percent, before it is cut to a whole one.
    """

    capacity: float
    power: float
    power_later: float
    later: float
    taper: float
    cut_off: float
    idle: float
    in_use: float
    uses: float
    pauses: tuple[tuple[float, float], ...]
    start: float
    every: float
    lost: float
    gauge: float


@dataclass(frozen=True, slots=True)
class Charge:
    """What the hub heard of a phone, until it said 100 %."""

    readings: list[Point]

    def reached(self, level: int) -> float | None:
        """Return when a level was first reported, in minutes."""
        return next((point.at for point in self.readings if point.level >= level), None)


def some_phone(rng: random.Random) -> Phone:
    """Return one of the phones that visitors bring, with one of a booth's chargers."""
    capacity = rng.uniform(9, 20)
    power = rng.choice((5, 7.5, 10, 12, 15, 18, 20)) * rng.uniform(0.75, 0.95)
    fast = power > 11 and rng.random() < 0.5
    pauses = []
    for _ in range(rng.choice((0, 0, 0, 0, 1, 2))):
        begin = rng.uniform(5, 90)
        pauses.append((begin, begin + rng.uniform(3, 20)))
    return Phone(
        capacity=capacity,
        power=power,
        power_later=power * (rng.uniform(0.6, 0.85) if fast else 1.0),
        later=rng.uniform(45, 65),
        taper=rng.uniform(70, 85),
        cut_off=rng.uniform(0.05, 0.12),
        idle=rng.uniform(0.1, 0.4),
        in_use=rng.uniform(1.0, 3.0),
        uses=rng.choice((0.0, 0.0, 0.0, 0.1, 0.3)),
        pauses=tuple(pauses),
        start=rng.uniform(2, 60),
        every=rng.choice((0.25, 0.5, 1.0, 2.0)),
        lost=rng.choice((0.0, 0.0, 0.1, 0.3)),
        gauge=rng.uniform(0.0, 0.4),
    )


def charge(phone: Phone, rng: random.Random) -> Charge:
    """Charge a phone until its gauge says 100 %."""
    level, minute, uses = phone.start, 0.0, False
    # The voltage grows in a straight line here; the resistance is such that the limit is met at
    # the taper.
    slope = (_FULL_VOLTS - _EMPTY_VOLTS) / 100
    at_taper = phone.power_later if phone.taper > phone.later else phone.power
    first_amperes = at_taper / _FULL_VOLTS
    ohms = slope * (100 - phone.taper) / first_amperes / (1 - phone.cut_off)
    limit = _FULL_VOLTS + phone.cut_off * first_amperes * ohms
    readings: list[Point] = []
    report_at = 0.0
    while minute < _LONGEST:
        if rng.random() < _STEP / 5:  # the visitor's mind changes every 5 minutes
            uses = rng.random() < phone.uses
        own = phone.in_use if uses else phone.idle
        given = phone.power_later if level >= phone.later else phone.power
        volts = _EMPTY_VOLTS + slope * level
        is_plugged = not any(begin <= minute < end for begin, end in phone.pauses)
        taken = min(given - own, max(0.0, (limit - volts) / ohms) * limit)
        watts = taken if is_plugged else -own
        level += watts / phone.capacity * 100 * _STEP / 60
        minute += _STEP
        if minute >= report_at:
            report_at = minute + phone.every * rng.uniform(0.9, 1.1)
            shown = min(100, max(0, int(level + rng.uniform(-phone.gauge, phone.gauge))))
            if rng.random() >= phone.lost or shown == 100:
                readings.append(Point(minute, shown))
            if shown == 100:
                break
    return Charge(readings)
