"""REST: who changed what, when."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Query
from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry.access.keys import Role
from services.registry.api import paging
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.times import Time, require_order
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all
from services.registry.rentals import rentals, short_ids
from services.registry.routes.dependencies import BoothDep, OperatorDep, PartsDep
from services.registry.words import Words

Action = Literal["created", "changed", "removed", "imported", "refused", "exported"]
Kind = Literal[
    "charger",
    "widget",
    "booth",
    "pairing",
    "rental",
    "api-key",
    "charger-secret",
    "widget-secret",
    "command",
    "import",
    "retention",
    "erasure",
    "repair",
    "database",
    "login",
    "sign-in-code",
    "role",
    "export",
]


class AuditedRental(BaseModel):
    """A rental that an entry is about."""

    charger: str = Field(description="Where the phone is or was", examples=["c1234"])
    ticket: str | None = Field(description="The visitor's; null: there is none", examples=["0815"])


class AuditEntry(BaseModel):
    """One change of one thing; or a refusal, or an export."""

    id: int = Field(description="Grows with each change", examples=[4711])
    at: datetime = Field(description="When it was changed")
    who: str = Field(
        description='An operator; "postgres:USER" for a change made by hand', examples=["anna"]
    )
    action: Action = Field(description="What was done")
    kind: str = Field(description="Kind of thing", examples=["pairing"])
    subject: str = Field(description="Which one; of a pairing, the charger", examples=["c1234"])
    details: dict[str, Any] = Field(
        description="Of a change: what it was and what it is, for each column that changed; of an "
        "import: how many devices and pairings; of what was refused or exported: how often; "
        "otherwise all columns",
        examples=[{"label": ["Booth 3", "Booth 4"]}],
    )
    rental: AuditedRental | None = Field(
        description="The rental that it is about; null: none, or one that was removed"
    )
    import_id: UUID | None = Field(description="The import that it is a part of; null: of none")
    booth: str | None = Field(
        description="Of which booth; null: of none, or from before there were booths",
        examples=["main-stage"],
    )
    key_id: str | None = Field(
        description="Of the API key that was used; null: none, or you are no admin",
        examples=["3f9a51c2d07e"],
    )
    address: str | None = Field(
        description="Where the request came from; null: from nowhere, or you are no admin",
        examples=["192.0.2.7"],
    )


# Newest first: what an operator looks for is nearly always what happened just now.
_SELECT: Final = SQL("""
    SELECT id, at, who, action, kind, subject, details, import_id, booth,
           CASE WHEN %(all)s THEN key_id END AS key_id,
           CASE WHEN %(all)s THEN address END AS address
    FROM audit_log
    WHERE (%(before)s::bigint IS NULL OR id < %(before)s)
      AND (%(subject)s::text[] IS NULL OR subject = ANY (%(subject)s))
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(booth)s::text IS NULL OR booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
      AND (%(who)s::text IS NULL OR who = %(who)s)
      AND (%(action)s::text IS NULL OR action = %(action)s)
      AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
      AND (%(all)s OR kind NOT IN ('api-key', 'login', 'role', 'sign-in-code'))
      AND {which}
    ORDER BY id DESC
    LIMIT %(rows)s
""")
# An entry of a change names only what changed. What is elsewhere now is not told to a booth.
_WITH_RENTALS: Final = SQL("""
    SELECT entries.*,
           CASE WHEN rentals.id IS NOT NULL
                THEN jsonb_build_object('charger', charger_id, 'ticket', ticket) END AS rental
    FROM ({entries}) AS entries
    LEFT JOIN rentals
      ON rentals.id = CASE WHEN kind = 'rental' THEN subject::uuid END
     AND (%(booth)s::text IS NULL OR rentals.booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
    ORDER BY entries.id DESC
""")
_LINES: Final = SQL("import_id IS NULL")
"""An import as one line. In the query itself: so it can be read from an index of those."""
_OF_IMPORT: Final = SQL("import_id = %(import_id)s")
_EACH: Final = SQL("true")

routes = GuardedRouter(prefix="/audit", tags=["access"])


class AuditPage(Page[AuditEntry]):
    """A part of the list of changes."""


def _which(*, import_id: UUID | None, is_about_one_thing: bool) -> SQL:
    if import_id is not None:
        return _OF_IMPORT
    return _EACH if is_about_one_thing else _LINES


async def _rental_by_short_id(connection: Connection, text: str) -> list[str]:
    """Return the id of the rental with this short id, if there is one: entries have only that."""
    try:
        which = short_ids.decode(text)
    except ValueError:
        return []
    rental = None if isinstance(which, UUID) else await rentals.find(connection, which)
    return [str(rental.id)] if rental else []


@routes.get(
    "",
    operation_id="list_audit",
    summary="List changes, the newest first",
    response_model=AuditPage,
    description="An import is one entry, whose `subject` is its id; `import_id` opens it. With "
    "`subject`, `kind`, `booth` or `action`, the parts of imports are listed like all others. "
    "What is about API keys, and who was refused, is for admins.",
)
async def list_audit(
    operator: OperatorDep,
    parts: PartsDep,
    *,
    subject: Annotated[
        Words | None,
        Query(
            description="Only of this device, rental (by its id or its `short_id`) or key",
            examples=["c1234"],
        ),
    ] = None,
    kind: Annotated[
        Kind | None, Query(description="Only of this kind of thing", examples=["charger"])
    ] = None,
    booth: BoothDep,
    who: Annotated[
        Words | None, Query(description="Only by this operator", examples=["anna"])
    ] = None,
    action: Annotated[Action | None, Query(description="Only what was done so")] = None,
    import_id: Annotated[
        UUID | None,
        Query(
            description="Only the parts of this import: its entry's `subject`",
            examples=["7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11"],
        ),
    ] = None,
    since: Annotated[Time | None, Query(description="Only from this time on")] = None,
    until: Annotated[Time | None, Query(description="Only before this time")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[AuditEntry]:
    require_order(since, until)
    values: dict[str, object] = {
        # Who has which key is for admins.
        "all": operator.role is Role.ADMIN,
        "before": paging.number_in(cursor),
        "subject": None,
        "kind": kind,
        "booth": booth,
        "who": who,
        "action": action,
        "import_id": import_id,
        "since": since,
        "until": until,
        "rows": limit + 1,
    }
    is_about_one_thing = any((subject, kind, action, booth))
    which = _which(import_id=import_id, is_about_one_thing=is_about_one_thing)
    async with parts.database.connection() as connection:
        if subject:
            values["subject"] = [subject, *await _rental_by_short_id(connection, subject)]
        query = _WITH_RENTALS.format(entries=_SELECT.format(which=which))
        found = await fetch_all(connection, AuditEntry, query, values)
    return paging.page(found, limit, lambda entry: entry, lambda entry: (entry.id,))
