"""REST: who changed what, when."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field

from services.registry.api import paging
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.representations import Words
from services.registry.postgres.queries import fetch_all
from services.registry.routes.dependencies import PartsDep


def _must_be_written_out(value: object) -> object:
    # A number would pass for seconds since 1970, and a typing error for a moment then.
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("write it as 2026-11-24T08:00:00Z")
    return value


Time = Annotated[AwareDatetime, BeforeValidator(_must_be_written_out)]
"""A time with its zone (RFC 3339)."""

Action = Literal["created", "changed", "removed"]


class AuditEntry(BaseModel):
    """One change of one thing."""

    id: int
    at: datetime
    who: str = Field(description='An operator; "postgres:USER" for a change made by hand')
    action: Action
    kind: str = Field(examples=["pairing"])
    subject: str = Field(description="Which one; of a pairing, the charger", examples=["c1234"])
    details: dict[str, Any] = Field(
        description="Of a change: what it was and what it is, for each column that changed"
    )


# Newest first: what an operator looks for is nearly always what happened just now.
_SELECT: Final = """
    SELECT id, at, who, action, kind, subject, details
    FROM audit_log
    WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
      AND (%(subject)s::text IS NULL OR subject = %(subject)s)
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(who)s::text IS NULL OR who = %(who)s)
      AND (%(action)s::text IS NULL OR action = %(action)s)
      AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
    ORDER BY id DESC
    LIMIT %(rows)s
"""

routes = APIRouter(prefix="/audit", tags=["access"])


@routes.get("", operation_id="list_audit", summary="List changes, the newest first")
async def list_audit(
    parts: PartsDep,
    *,
    subject: Annotated[Words | None, Query(description="Id of a device, say")] = None,
    kind: Annotated[Words | None, Query(examples=["charger"])] = None,
    who: Annotated[Words | None, Query(description="Name of an operator")] = None,
    action: Action | None = None,
    since: Time | None = None,
    until: Time | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AuditEntry]:
    values = {
        "before": paging.number_in(cursor),
        "subject": subject,
        "kind": kind,
        "who": who,
        "action": action,
        "since": since,
        "until": until,
        "rows": limit + 1,
    }
    async with parts.database.connection() as connection:
        found = await fetch_all(connection, AuditEntry, _SELECT, values)
    return paging.page(found, limit, lambda entry: entry, lambda entry: (entry.id,))
