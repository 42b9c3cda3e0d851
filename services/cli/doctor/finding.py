"""What a rule says of a hub. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Mark(StrEnum):
    """How much a finding matters."""

    WRONG = "wrong"
    """Something to do."""
    UNKNOWN = "unknown"
    """It could not be seen from here."""
    NOTE = "note"
    """Unusual, and perhaps meant so."""
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Attributes:
        mark: How much it matters.
        text: What was seen.
        remedy: What to do; empty: nothing.
    """

    mark: Mark
    text: str
    remedy: str = ""


_MOST_NAMED: Final = 5


def name_some(names: Iterable[str]) -> str:
    """Return the first few names, and how many there are besides."""
    every = list(names)
    more = len(every) - _MOST_NAMED
    return ", ".join(every[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
