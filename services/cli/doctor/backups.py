"""The age of the newest backup on the timer: in words, and whether it is too old. No I/O."""

from collections.abc import Mapping
from typing import Any, Final

from services.cli.output import duration, size

_OLD_INTERVALS: Final = 2
"""As the alert says it."""


def backup_age(backups: Mapping[str, Any]) -> str:
    """Return how old the newest backup is, and how large."""
    if backups["age_seconds"] is None:
        return "there is none"
    return f"{duration(backups['age_seconds'])} old, {size(backups['bytes'])}"


def is_backup_old(backups: Mapping[str, Any]) -> bool:
    """Tell whether another one is missing."""
    age = backups["age_seconds"]
    return age is None or bool(age > _OLD_INTERVALS * backups["every_seconds"])
