"""REST: remove what is older than it is kept, and what is known about one visitor."""

from datetime import datetime
from http import HTTPStatus
from typing import Final

from pydantic import BaseModel, Field

from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.problems import problem_responses
from services.registry.api.representations import RequestBody
from services.registry.rentals import rental_service
from services.registry.rentals.representations import EitherId, Ticket
from services.registry.retention import erasure, pruning
from services.registry.routes.dependencies import DryRun, OperatorDep, PartsDep

_PRUNE_SECONDS: Final = 20.0
"""After so long a call is answered, although there is more."""


class Pruned(BaseModel):
    """What was removed because it is old; of a dry run, what would be."""

    rentals: int = Field(description="Rentals whose phones were collected", examples=[120])
    rental_traces: int = Field(
        examples=[0],
        description="Entries of the audit log that are kept, without what they said about "
        "rentals that are gone. Only after a restore: else it goes with the rental",
    )
    audit_entries: int = Field(description="Entries of the audit log", examples=[340])
    tombstones: int = Field(description="Of devices that were unregistered", examples=[2])
    events: int = Field(
        description="Events in the outbox, as old as rentals, with their deliveries", examples=[40]
    )
    history: int = Field(description="Levels and lights in the history of rentals", examples=[5200])
    open_rentals: int = Field(
        examples=[1],
        description="Rentals that are as old and stay: their phones were not collected",
    )
    rentals_before: datetime | None = Field(
        description="Those collected before this time; null: they are kept for ever"
    )
    audit_before: datetime | None = Field(description="The same of the audit log")
    tombstones_before: datetime | None = Field(description="The same of tombstones")
    history_before: datetime | None = Field(description="The same of the history of rentals")
    dry_run: bool = Field(description="Nothing was removed")
    complete: bool = Field(
        description="false: there is more. Repeat the call, or leave it to the registry"
    )


class ErasureRequest(RequestBody):
    """Whose data to erase."""

    ticket: Ticket = Field(description="The visitor's", examples=["0815"])
    rental: EitherId | None = Field(
        default=None,
        description="Only this rental, by its id or its `short_id`: other visitors "
        "had the same ticket on other days",
    )


class Erasure(BaseModel):
    """What was erased; of a dry run, what would be."""

    rentals: int = Field(description="The visitor's rentals", examples=[1])
    audit_entries: int = Field(
        examples=[3],
        description="Entries of the audit log that say nothing about the visitor any more",
    )
    dry_run: bool = Field(description="Nothing was erased")


routes = GuardedRouter(tags=["retention"])


@routes.post(
    "/prune",
    operation_id="prune_old_data",
    summary="Remove what is older than it is kept",
    description="The registry does the same about once an hour. How long things are kept is "
    "set by CHARGELIGHT_REGISTRY_KEEP_RENTALS_DAYS, …_KEEP_AUDIT_DAYS, …_KEEP_TOMBSTONES_DAYS "
    "and …_KEEP_HISTORY_DAYS.",
)
async def prune(operator: OperatorDep, parts: PartsDep, *, dry_run: DryRun = False) -> Pruned:
    limits = await pruning.cutoffs_now(parts.database, parts.keep)
    if dry_run:
        old, complete = await pruning.count(parts.database, limits), True
    else:
        old, complete = await pruning.prune(parts.database, operator, limits, _PRUNE_SECONDS)
    return Pruned(
        **old._asdict(),
        open_rentals=await pruning.count_still_open(parts.database, limits),
        rentals_before=limits.rentals,
        audit_before=limits.audit,
        tombstones_before=limits.tombstones,
        history_before=limits.history,
        dry_run=dry_run,
        complete=complete,
    )


@routes.post(
    "/erasures",
    operation_id="erase_visitor",
    summary="Erase what is known about one visitor",
    description="All rentals with a ticket, and what the audit log says about them. A backup "
    "that was taken before has them still; a restore into this database leaves them out.",
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def erase(
    body: ErasureRequest, operator: OperatorDep, parts: PartsDep, *, dry_run: DryRun = False
) -> Erasure:
    async with (
        parts.database.write_transaction(operator) as connection,
        connection.transaction(force_rollback=dry_run),
    ):
        rental = body.rental
        if isinstance(rental, int):
            # By the other id, what a restore took away is erased too.
            rental = (await rental_service.get(connection, rental)).id
        erased = await erasure.erase(connection, body.ticket, rental)
    return Erasure(**erased._asdict(), dry_run=dry_run)
