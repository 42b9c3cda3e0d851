"""The rentals of a day or an event, in figures."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_changed


class Summary(BaseModel):
    """What became of the phones that were handed over in a time."""

    since: datetime | None = Field(description="From then on; null: from the first rental")
    until: datetime | None = Field(description="Before that; null: until now")
    rentals: int = Field(description="Phones that were handed over in this time", examples=[412])
    collected: int = Field(description="Of those, given back by now", examples=[397])
    not_collected: int = Field(description="Of those, still in a charger", examples=[15])
    full_not_collected: int = Field(description="Of those, the ones that are full", examples=[4])
    widgets_missing: int = Field(
        examples=[2], description="Widgets that did not come back although the phone was collected"
    )
    reached_80: int = Field(description="Phones whose light became yellow", examples=[380])
    mean_seconds_to_80: float | None = Field(
        description="From the hand-over; null: none did", examples=[1830.5]
    )
    median_seconds_to_80: float | None = Field(
        description="Half of them took no longer", examples=[1744.0]
    )
    reached_100: int = Field(description="Phones whose light became green", examples=[290])
    mean_seconds_to_100: float | None = Field(
        description="From the hand-over; null: none did", examples=[4102.9]
    )
    median_seconds_to_100: float | None = Field(
        description="Half of them took no longer", examples=[3980.0]
    )


_SELECT: Final = """
    SELECT %(since)s::timestamptz AS since,
           %(until)s::timestamptz AS until,
           count(*) AS rentals,
           count(collected_at) AS collected,
           count(*) FILTER (WHERE collected_at IS NULL) AS not_collected,
           count(*) FILTER (WHERE collected_at IS NULL AND reached_100_at IS NOT NULL)
               AS full_not_collected,
           count(*) FILTER (WHERE collected_at IS NOT NULL AND widget_returned_at IS NULL
                                  AND widget_id IS NOT NULL) AS widgets_missing,
           count(to_80) AS reached_80,
           avg(to_80) AS mean_seconds_to_80,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY to_80) AS median_seconds_to_80,
           count(to_100) AS reached_100,
           avg(to_100) AS mean_seconds_to_100,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY to_100) AS median_seconds_to_100
    FROM (
        SELECT *,
               extract(epoch FROM reached_80_at - opened_at)::float8 AS to_80,
               extract(epoch FROM reached_100_at - opened_at)::float8 AS to_100
        FROM rentals
        WHERE (%(since)s::timestamptz IS NULL OR opened_at >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR opened_at < %(until)s)
          AND (%(booth)s::text IS NULL OR booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
    ) AS opened
"""


async def summarise(
    connection: Connection, since: datetime | None, until: datetime | None, booth: str | None
) -> Summary:
    """Return the figures of the rentals opened from ``since`` on and before ``until``.

    ``booth`` is where they were; empty: in none.
    """
    values = {"since": since, "until": until, "booth": booth}
    return await fetch_changed(connection, Summary, _SELECT, values)
