"""A state of charge as a person types and reads it."""

import re
from typing import Final

LOWEST: Final = 0.0
HIGHEST: Final = 100.0

# Stricter than `float`, which would also take "nan", "1e2" and "1_0".
_LEVEL: Final = re.compile(r"([+-]?\d+(?:\.\d+)?)\s*%?", re.ASCII)


class WrongLevelError(ValueError):
    """The text is no state of charge; the message says what is."""


def parse_level(text: str) -> float:
    """Return the state of charge that ``text`` names, in percent.

    Raises:
        WrongLevelError: It is no number, or not between 0 and 100.
    """
    found = _LEVEL.fullmatch(text.strip())
    if found is None:
        raise WrongLevelError(
            f"{text.strip()!r} is not a state of charge: "
            "type a number from 0 to 100, for example 70 or 79.5"
        )
    level = float(found[1])
    if not LOWEST <= level <= HIGHEST:
        raise WrongLevelError(
            f"{found[1]} is outside the range: a state of charge goes from 0 to 100 %"
        )
    return level


def format_level(level: float) -> str:
    """Return the level for a person, for example ``79.5 %``."""
    return f"{level:g} %"
