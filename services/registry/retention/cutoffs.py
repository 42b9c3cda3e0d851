"""How old something must be to be removed. No I/O."""

from datetime import datetime, timedelta
from typing import NamedTuple


class Keep(NamedTuple):
    """How many days things are kept; None: for ever."""

    rentals: int | None = None
    """After the phone was collected. One that was not collected stays."""
    audit: int | None = None
    """Entries of the audit log."""
    tombstones: int | None = None
    """What Postgres keeps of devices that were unregistered."""
    history: int | None = None
    """Levels and lights of rentals, after they were written down."""


class Cutoffs(NamedTuple):
    """What is older than these is removed; None: nothing is."""

    rentals: datetime | None
    audit: datetime | None
    tombstones: datetime | None
    history: datetime | None = None


def cutoffs(keep: Keep, own_clock: datetime, postgres_clock: datetime) -> Cutoffs:
    """Return the cutoffs right now.

    The slower clock counts: nothing comes back that was removed because one was ahead.
    """
    now = min(own_clock, postgres_clock)
    return Cutoffs(*(None if days is None else now - timedelta(days=days) for days in keep))
