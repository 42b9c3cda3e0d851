"""Times as chargers write them (RFC 3339), and as the hub does."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from services.gateway.ocpp.messages import Anything

_SHORTEST: Final = len("2026-11-30T10:00:00")
_LONGEST: Final = 40
_FIRST_YEAR: Final = 2000
"""A clock that says less has never been set."""


def read_timestamp(value: Anything) -> float | None:
    """Return a time in seconds since 1970; None if it says none. Without a zone it is UTC."""
    if not isinstance(value, str) or not _SHORTEST <= len(value) <= _LONGEST:
        return None
    found = _read(value) or _read(value.strip().upper())  # a small z, or spaces around it
    if found is None:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return found.timestamp() if found.year >= _FIRST_YEAR else None


def _read(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


@lru_cache(1)
def _written(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_timestamp(utc: float) -> str:
    """Return a time as the hub writes it: whole seconds, UTC; some chargers read nothing else."""
    return _written(int(utc))
