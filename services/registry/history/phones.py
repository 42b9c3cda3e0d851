"""The phones that are in chargers, and how full they lately were. No I/O."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.registry.estimate.progress import Point
from services.registry.history.rows import NewLevel, OpenRental, ReadLevel
from services.registry.live.state import to_datetime
from shared.redis_state.values import LiveState

_MOST_POINTS: Final = 40
"""Of a phone, in memory: an estimate looks back 20 percent."""
_US_PER_MINUTE: Final = 60_000_000


@dataclass(eq=False, repr=False)
class Phones:
    """All phones that are in chargers, as they were at the last look."""

    _by_charger: dict[str, OpenRental] = field(default_factory=dict)
    _points: dict[UUID, list[Point]] = field(default_factory=dict)

    def unknown(self, rentals: Iterable[OpenRental]) -> list[UUID]:
        """Return those of the rentals whose levels must be loaded before `replace`."""
        known = {each.rental for each in self._by_charger.values()}
        return [each.rental for each in rentals if each.rental not in known]

    def load(self, rentals: Iterable[UUID], levels: Iterable[ReadLevel]) -> None:
        """Note all levels that rentals have had, the oldest first."""
        self._points |= {rental: [] for rental in rentals}
        self.add(levels)

    def add(self, levels: Iterable[ReadLevel]) -> None:
        """Note what is new, the oldest first; of rentals that are not there, nothing.

        What comes again changes nothing.
        """
        for each in levels:
            points = self._points.get(each.rental)
            point = Point(each.at.timestamp() / 60, each.level)
            if points is not None and (not points or points[-1].at < point.at):
                points.append(point)
                del points[:-_MOST_POINTS]

    def replace(self, rentals: Iterable[OpenRental]) -> None:
        """Note which phones are there now; the others are forgotten."""
        self._by_charger = {each.charger: each for each in rentals}
        there = {each.rental for each in self._by_charger.values()}
        self._points = {rental: self._points.get(rental, []) for rental in there}

    @property
    def chargers(self) -> list[str]:
        """Where the phones are."""
        return list(self._by_charger)

    def points(self, charger: str, live: LiveState) -> list[Point] | None:
        """Return how full the phone in a charger was, and is by its newest reading.

        Returns:
            None: no phone is there, or the reading is not certainly of it.
        """
        rental = self._by_charger.get(charger)
        if rental is None or not _is_of(live, rental):
            return None
        return [*self._points.get(rental.rental, ()), _point(live)]

    def news(self, readings: Mapping[str, LiveState]) -> Iterator[NewLevel]:
        """Yield what is not written down yet.

        Gauges go back and forth by one, which is no news.
        """
        for charger, live in readings.items():
            rental = self._by_charger.get(charger)
            if rental is None or not _is_of(live, rental):
                continue
            now = _point(live)
            last = next(reversed(self._points.get(rental.rental, ())), None)
            if last is None or (now.at > last.at and now.level not in (last.level, last.level - 1)):
                yield NewLevel(rental.rental, to_datetime(live.received_at), now.level)


def _is_of(live: LiveState, rental: OpenRental) -> bool:
    """Tell whether a reading was sent in a pairing that belongs to a rental."""
    number = live.mark.partition("-")[0]
    # As a mark is written: int() would take more.
    is_number = number.isascii() and number.isdigit() and len(number) < 20  # noqa: PLR2004
    return is_number and rental.first <= int(number) <= rental.newest


def _point(live: LiveState) -> Point:
    return Point(live.received_at / _US_PER_MINUTE, int(live.soc))
