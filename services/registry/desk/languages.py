"""Which of our languages a browser asks for. No I/O."""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Final


class Language(StrEnum):
    """Those that pages are written in."""

    ENGLISH = "en"
    GERMAN = "de"
    SPANISH = "es"
    FRENCH = "fr"


# RFC 9110, section 12.5.4, with what else is before the weight, such as a region.
_RANGE: Final = re.compile(
    r"\s*([a-z]{1,8})(?:-[a-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE
)
_MOST: Final = 20
"""Languages of a header that are looked at."""


def choose(accepted: str) -> Language:
    """Return the language that a header ``Accept-Language`` likes best of ours, or English."""
    liked = list(_liked(accepted))
    # The first of equals, as browsers mean it.
    best, _ = max(liked, key=lambda each: each[1], default=(Language.ENGLISH, 0.0))
    return best


def _liked(accepted: str) -> Iterator[tuple[Language, float]]:
    for part in accepted.split(",")[:_MOST]:
        found = _RANGE.fullmatch(part)
        if found and found[1].lower() in {*Language}:
            weight = float(found[2] or 1)
            if weight > 0:
                yield Language(found[1].lower()), weight
