"""Lists of rentals in Postgres, page by page."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from psycopg.sql import SQL

from services.registry import spellings
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all
from services.registry.rentals.rentals import COLUMNS, Rental


class State(StrEnum):
    """Whether a phone was collected."""

    OPEN = "open"
    COLLECTED = "collected"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rentals; None: all."""

    state: State | None = None
    charger: str | None = None
    widget: str | None = None
    booth: str | None = None
    """By its id; empty: in none."""
    ticket: str | None = None
    """This one, in any spelling."""
    charged_for: timedelta | None = None
    """Only open ones whose phone reached 100 % at least so long ago."""
    widget_missing: bool | None = None
    """Only collected ones without their widget; or only all others."""


# Newest first: an operator nearly always looks for what happened just now.
_SELECT: Final = SQL("""
    SELECT {columns}
    FROM rentals
    WHERE (%(before)s::bigint IS NULL OR opening_number < %(before)s)
      AND (%(open)s::boolean IS NULL OR (collected_at IS NULL) = %(open)s)
      AND (%(charger)s::text IS NULL OR charger_id = %(charger)s)
      AND (%(widget)s::text IS NULL OR widget_id = %(widget)s)
      AND (%(booth)s::text IS NULL OR booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
      AND (%(ticket)s::text IS NULL OR ticket ~ %(ticket)s)
      AND (%(charged_for)s::interval IS NULL
           OR (collected_at IS NULL AND reached_100_at <= clock_timestamp() - %(charged_for)s))
      AND (%(widget_missing)s::boolean IS NULL
           OR (collected_at IS NOT NULL AND widget_returned_at IS NULL
               AND widget_id IS NOT NULL) = %(widget_missing)s)
    ORDER BY opening_number DESC
    LIMIT %(rows)s
""").format(columns=COLUMNS)


async def find_rentals(
    connection: Connection, which: Filter, *, before: int | None, rows: int
) -> list[Rental]:
    """Return at most ``rows`` rentals opened before the opening number, the newest first."""
    values = asdict(which) | {"before": before, "rows": rows}
    values["ticket"] = None if which.ticket is None else spellings.equal_to(which.ticket)
    values["open"] = None if which.state is None else which.state is State.OPEN
    return await fetch_all(connection, Rental, _SELECT, values)
