"""Lists of rentals in Postgres, page by page."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from psycopg.sql import SQL

from services.registry import spellings
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all
from services.registry.rentals.rentals import COLUMNS, Rental


class State(StrEnum):
    """Whether a phone was collected."""

    OPEN = "open"
    COLLECTED = "collected"


class Order(StrEnum):
    """Which rentals come first."""

    NEWEST = "newest"
    WAITING = "waiting"
    """Those that have waited longest: a full phone for its visitor, the hub for a widget that did
    not come back. Those that wait for nothing come last."""


class ListedRental(Rental):
    """A rental, and its place in a list."""

    waiting_rank: int
    """Since when it has waited, in µs; a great number: it does not."""


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


_RANK: Final = SQL("""
    coalesce((extract(epoch FROM CASE
        WHEN collected_at IS NULL THEN reached_100_at
        WHEN widget_returned_at IS NULL AND widget_id IS NOT NULL THEN collected_at
    END) * 1000000)::bigint, 9223372036854775807)
""")

_SELECT: Final = SQL("""
    SELECT {columns}, {rank} AS waiting_rank
    FROM rentals
    WHERE {after}
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
    ORDER BY {order}
    LIMIT %(rows)s
""")

_QUERIES: Final = {
    Order.NEWEST: _SELECT.format(
        columns=COLUMNS,
        rank=_RANK,
        after=SQL("(%(number)s::bigint IS NULL OR opening_number < %(number)s)"),
        order=SQL("opening_number DESC"),
    ),
    Order.WAITING: _SELECT.format(
        columns=COLUMNS,
        rank=_RANK,
        after=SQL(
            "(%(number)s::bigint IS NULL "
            "OR ({rank}, opening_number) > (%(rank)s::bigint, %(number)s))"
        ).format(rank=_RANK),
        order=SQL("waiting_rank, opening_number"),
    ),
}


class Place(NamedTuple):
    """The last rental of the page before."""

    number: int
    """When it was opened; see `Rental.opening_number`."""
    rank: int = 0
    """See `ListedRental.waiting_rank`; only where that is the order."""


async def find_rentals(
    connection: Connection, which: Filter, order: Order, *, after: Place | None, rows: int
) -> list[ListedRental]:
    """Return at most ``rows`` rentals in an order, those behind a place."""
    place = {"number": None, "rank": None} if after is None else after._asdict()
    values = asdict(which) | place | {"rows": rows}
    values["ticket"] = None if which.ticket is None else spellings.equal_to(which.ticket)
    values["open"] = None if which.state is None else which.state is State.OPEN
    return await fetch_all(connection, ListedRental, _QUERIES[order], values)
