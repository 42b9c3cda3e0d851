"""Channels of the straightforward variant, and its settings."""

from typing import Final

READINGS: Final = "straightforward-readings"
STATUSES: Final = "straightforward-statuses"
PAIRINGS: Final = "straightforward-pairings"
"""A hash: charger id to widget id."""

REDIS_URL_VARIABLE: Final = "REDIS_URL"
PORT_VARIABLE: Final = "PORT"
READY: Final = "ready"
"""What a process prints once it serves."""
