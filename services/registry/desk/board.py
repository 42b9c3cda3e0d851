"""Tickets whose phones are ready: for a screen that visitors see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg.sql import SQL

from services.registry.live.redis_values import Environment, RawCharger
from services.registry.live.state import state_since
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all
from services.registry.postgres.tables import IN_BOOTH
from shared.contract.device_protocol import ChargingStatus

MOST: Final = 200
"""More do not fit on a screen."""

_READY: Final = SQL("""
    SELECT ticket, charger_id AS charger, pairing_number, reached_100_at AS since
    FROM rentals
    WHERE collected_at IS NULL AND reached_100_at IS NOT NULL AND ticket IS NOT NULL
      AND {in_booth}
    ORDER BY reached_100_at DESC, opening_number DESC
    LIMIT %(rows)s
""").format(in_booth=IN_BOOTH)


@dataclass(frozen=True, slots=True)
class ReadyRental:
    """An open rental whose phone has been full."""

    ticket: str
    charger: str
    pairing_number: int
    since: datetime


async def find_ready(connection: Connection, booth: str | None) -> list[ReadyRental]:
    """Return those whose phones have been full, the newest first, and one more than `MOST`."""
    values = {"booth": booth, "rows": MOST + 1}
    return await fetch_all(connection, ReadyRental, _READY, values)


def still_ready(
    rentals: Sequence[ReadyRental], raws: Iterable[RawCharger], environment: Environment
) -> list[ReadyRental]:
    """Return those whose widgets are green now: a phone may have been used since.

    Raises:
        DirectoryAbsentError: The directory is not in Redis.
    """
    return [
        rental
        for rental, raw in zip(rentals, raws, strict=True)
        if _is_green(rental, raw, environment)
    ]


def _is_green(rental: ReadyRental, raw: RawCharger, environment: Environment) -> bool:
    state = state_since(rental.pairing_number, raw, environment)
    if state is None or state.status is None:
        return False
    return state.status.status is ChargingStatus.CHARGED
