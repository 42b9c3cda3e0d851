"""When the phones of tiles will be full: estimated again when that may have changed. No I/O.

An estimate takes much longer than a tile, and each one moves by some seconds: neither must be so
for every tile that is read.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple, TypeAlias
from uuid import UUID

from services.registry.estimate.shown import PhoneEstimate
from services.registry.feed.tile import Row, TileReady
from services.registry.live.redis_values import RawCharger
from services.registry.live.state import to_datetime

EstimateOf: TypeAlias = Callable[[RawCharger, int], PhoneEstimate | None]
"""Returns when a charger's phone will be ready, of its values in Redis and Redis' time."""

_AGAIN_US: Final = 60_000_000
"""Where the level stays, the estimate changes slowly."""
_US_PER_MINUTE: Final = 60_000_000
_SAME: Final = timedelta(minutes=2)
"""Times that differ by no more are told as they were."""


class _Kept(NamedTuple):
    rental: UUID
    level: int
    at: int
    """When it was estimated, in µs by Redis' clock."""
    ready: TileReady | None


class ReadyTimes:
    """The newest estimate of each phone."""

    def __init__(self, estimate_of: EstimateOf) -> None:
        self._estimate_of = estimate_of
        self._kept: dict[str, _Kept] = {}

    def of(self, row: Row, raw: RawCharger, level: float | None, now: int) -> TileReady | None:
        """Return when the phone in a charger will be full; None: it is, or that is not known.

        Args:
            row: What Postgres knows of the charger.
            raw: Its values in Redis.
            level: What its phone is at; None: that is not known.
            now: By Redis' clock, in µs.
        """
        if row.rental is None or level is None:
            self.forget(row.charger)
            return None
        kept = self._kept.get(row.charger)
        if kept is not None and kept.rental != row.rental:
            kept = None
        if kept is not None and kept.level == int(level) and now - kept.at < _AGAIN_US:
            return kept.ready
        ready = _ready(self._estimate_of(raw, now), now)
        if kept is not None and _is_about_the_same(kept.ready, ready):
            ready = kept.ready
        self._kept[row.charger] = _Kept(row.rental, int(level), now, ready)
        return ready

    def forget(self, charger: str) -> None:
        """The charger has no phone, or is gone."""
        self._kept.pop(charger, None)


def _ready(estimate: PhoneEstimate | None, now: int) -> TileReady | None:
    if estimate is None or estimate.to_100 is None:
        return None
    earliest, latest = (
        to_datetime(now + minutes * _US_PER_MINUTE)
        for minutes in (estimate.to_100.earliest_minutes, estimate.to_100.latest_minutes)
    )
    return TileReady(earliest_at=earliest, latest_at=latest)


def _is_about_the_same(kept: TileReady | None, found: TileReady | None) -> bool:
    if kept is None or found is None:
        return False
    return (
        abs(kept.earliest_at - found.earliest_at) <= _SAME
        and abs(kept.latest_at - found.latest_at) <= _SAME
    )
