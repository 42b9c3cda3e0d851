"""What is in the outbox, for operators: one row for each delivery."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, Field

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all


class DeliveryState(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    GIVEN_UP = "given_up"
    DELIVERED = "delivered"


class ListedDelivery(BaseModel):
    """An event, and whether it arrived at one destination."""

    event: UUID = Field(description="Id of the event, as receivers know it")
    number: int = Field(description="Grows with each event", examples=[12])
    at: datetime = Field(description="When it happened")
    kind: str = Field(
        description="`phone.ready`, `charger.silent`, `widget.not_returned` or `hub.trouble`",
        examples=["phone.ready"],
    )
    ended: bool = Field(description="Whether it tells of the end")
    about: str = Field(description="`charger`, `widget` or `hub`", examples=["charger"])
    device: str | None = Field(description="Which one; null: the hub", examples=["c1234"])
    destination: str = Field(description="Name of the destination", examples=["webhook-3f9a51"])
    state: DeliveryState = Field(description="How it stands")
    attempts: int = Field(description="How many there were", examples=[3])
    next_try_at: datetime | None = Field(
        description="When it is tried again, or an attempt that runs counts as dead; null: never"
    )
    ended_at: datetime | None = Field(
        description="When it arrived, or was given up; null: it waits"
    )
    last_error: str | None = Field(
        description="Why the last attempt failed; null: it did not",
        examples=["it answered with HTTP 503"],
    )


_SELECT: Final = """
    SELECT *
    FROM (
        SELECT event.id AS event, number, at, kind, ended, event.about,
               nullif(event.device, '') AS device, destination, attempts, last_error,
               CASE WHEN delivered_at IS NOT NULL THEN 'delivered'
                    WHEN given_up_at IS NOT NULL THEN 'given_up'
                    ELSE 'waiting' END AS state,
               CASE WHEN delivered_at IS NULL AND given_up_at IS NULL
                    THEN next_try_at END AS next_try_at,
               coalesce(delivered_at, given_up_at) AS ended_at
        FROM outbox_events AS event JOIN outbox_deliveries USING (number)
        WHERE (%(number)s::bigint IS NULL
               OR (number, destination) < (%(number)s, %(destination)s COLLATE "C"))
    ) AS deliveries
    WHERE (%(state)s::text IS NULL AND state <> 'delivered') OR state = %(state)s
    ORDER BY number DESC, destination DESC
    LIMIT %(rows)s
"""


async def list_deliveries(
    connection: Connection, state: DeliveryState | None, after: tuple[int, str] | None, rows: int
) -> list[ListedDelivery]:
    """Return deliveries, the newest first.

    Args:
        connection: In a transaction.
        state: Only these; None: all that did not arrive.
        after: Number and destination of the last one of the page before.
        rows: How many at most.
    """
    number, destination = after or (None, None)
    values = {"state": state, "number": number, "destination": destination, "rows": rows}
    return await fetch_all(connection, ListedDelivery, _SELECT, values)
