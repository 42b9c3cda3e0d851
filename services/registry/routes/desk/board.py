"""REST: the ready board, for a screen at the booth."""

from datetime import datetime

from pydantic import BaseModel, Field

from services.registry.api.guarded_route import GuardedRouter
from services.registry.desk import board
from services.registry.routes.dependencies import BoothDep, PartsDep

routes = GuardedRouter(tags=["desk"])


class ReadyTicket(BaseModel):
    """A ticket whose phone can be collected."""

    ticket: str = Field(description="What stands on the visitor's ticket", examples=["0815"])
    since: datetime = Field(description="When the phone was full for the first time")


class Board(BaseModel):
    """What a screen at the booth shows."""

    ready: list[ReadyTicket] = Field(
        description=f"Those whose widgets are green, the newest first, {board.MOST} at most"
    )
    more: bool = Field(description="Whether there may be others")


@routes.get(
    "/board",
    operation_id="get_board",
    summary="Which tickets are ready?",
    description="For a screen that visitors see: tickets and nothing else, each while its widget "
    "is green and its phone is not collected. Rentals without a ticket are left out.",
)
async def get_board(parts: PartsDep, booth: BoothDep) -> Board:
    async with parts.database.connection() as connection:
        found = await board.find_ready(connection, booth)
    shown = found[: board.MOST]
    raws, environment = await parts.reader.chargers([each.charger for each in shown])
    ready = board.still_ready(shown, raws, environment)
    return Board(
        ready=[ReadyTicket(ticket=each.ticket, since=each.since) for each in ready],
        more=len(found) > len(shown),
    )
