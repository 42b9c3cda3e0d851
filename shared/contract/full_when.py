"""What counts as full at a charger: a setting of each, for those that know no state of charge."""

import re
from typing import Final

REPORTED: Final = "reported"
"""Only what it reports as its state of charge counts, unless something else is set."""
SUSPENDED: Final = "suspended"
"""The vehicle takes no more, as the charger says (OCPP: SuspendedEV)."""

PATTERN: Final = "^(reported|suspended|no-energy:[1-9][0-9]{0,2})$"
FULL_WHEN_RULE: Final = (
    "it is reported, suspended, or no-energy:N, with N from 1 to 999 minutes in which the meter "
    "stands still"
)
_NO_ENERGY: Final = re.compile("no-energy:([1-9][0-9]{0,2})")


def is_full_when(text: str) -> bool:
    """Tell whether a text is such a setting."""
    return text in {REPORTED, SUSPENDED} or minutes_without_energy(text) is not None


def minutes_without_energy(text: str) -> int | None:
    """Return for how many minutes the meter must stand still; None: it does not matter."""
    found = _NO_ENERGY.fullmatch(text)
    return None if found is None else int(found[1])
