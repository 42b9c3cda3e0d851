"""REST: booths, the places of a festival."""

from collections.abc import Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, Field

from services.registry.api import paging
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.problems import problem_responses
from services.registry.api.representations import BoothId, RequestBody
from services.registry.devices import booths
from services.registry.devices.booths import Booth, CountedBooth
from services.registry.errors import NoSuchBoothError
from services.registry.live.booth_counts import LiveCounts
from services.registry.routes.dependencies import (
    OperatorDep,
    OwnBoothDep,
    Parts,
    PartsDep,
)
from services.registry.words import Words
from shared.contract.devices import is_device_id
from shared.process import logs

_log = logs.get(__name__)


def _must_not_be_empty(text: str) -> str:
    if not text:
        raise ValueError("a booth has a name")
    return text


BoothName = Annotated[Words, AfterValidator(_must_not_be_empty)]
KnownBooth = Annotated[
    str,
    Path(description="Its id; one that cannot exist is not there", examples=["main-stage"]),
]


class NewName(RequestBody):
    """What a booth shall be called."""

    name: BoothName = Field(
        description="What people call it; no two have the same, whatever their capitals",
        examples=["Main stage"],
    )


class NewBooth(NewName):
    """A booth to be made."""

    id: BoothId | None = Field(
        default=None,
        description="Its id, for ever; left out, one is made of the name",
        examples=["main-stage"],
    )


class ShownBooth(CountedBooth):
    """A booth, and how it stands there right now."""

    online: int | None = Field(
        description="Chargers that are online; null: Redis is away", examples=[39]
    )
    charging: int | None = Field(
        description="Chargers whose widget was last lit red or yellow, by this pairing",
        examples=[21],
    )
    ready: int | None = Field(description="Chargers whose widget is green", examples=[7])


class BoothPage(Page[ShownBooth]):
    """A part of the list of booths."""


routes = GuardedRouter(prefix="/booths", tags=["booths"])


@routes.get(
    "",
    operation_id="list_booths",
    summary="List booths by their ids, and how it stands there",
    description="What goes on is some seconds old at most.",
    response_model=BoothPage,
)
async def list_booths(
    own: OwnBoothDep, parts: PartsDep, *, limit: Limit = 100, cursor: Cursor = None
) -> Page[ShownBooth]:
    async with parts.database.connection() as connection:
        found = await booths.find_booths(
            connection, only=own, after=paging.id_in(cursor), rows=limit + 1
        )
    counts = await _live_counts(parts)
    return paging.page(
        found, limit, lambda booth: _representation(booth, counts), lambda booth: (booth.id,)
    )


@routes.post(
    "",
    operation_id="create_booth",
    summary="Make a booth",
    status_code=HTTPStatus.CREATED,
    responses=problem_responses(HTTPStatus.CONFLICT),
)
async def create(body: NewBooth, operator: OperatorDep, parts: PartsDep) -> Booth:
    async with parts.database.write_transaction(operator) as connection:
        made = await booths.create(connection, body.id, body.name)
    _log.info("booth made", booth=made.id)
    return made


@routes.get(
    "/{booth_id}",
    operation_id="get_booth",
    summary="Look at a booth",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get(booth_id: KnownBooth, parts: PartsDep) -> ShownBooth:
    async with parts.database.connection() as connection:
        found = await booths.find_booths(connection, only=_possible(booth_id))
    if not found:
        raise NoSuchBoothError(booth_id)
    return _representation(found[0], await _live_counts(parts))


@routes.patch(
    "/{booth_id}",
    operation_id="rename_booth",
    summary="Give a booth another name; its id stays",
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def rename(
    booth_id: KnownBooth, body: NewName, operator: OperatorDep, parts: PartsDep
) -> Booth:
    async with parts.database.write_transaction(operator) as connection:
        return await booths.rename(connection, _possible(booth_id), body.name)


@routes.delete(
    "/{booth_id}",
    operation_id="remove_booth",
    summary="Remove an empty booth, to which no key is limited",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def remove(booth_id: KnownBooth, operator: OperatorDep, parts: PartsDep) -> None:
    async with parts.database.write_transaction(operator) as connection:
        await booths.remove(connection, _possible(booth_id))
    _log.info("booth removed", booth=booth_id)


async def _live_counts(parts: Parts) -> Mapping[str, LiveCounts] | None:
    return await parts.booth_counts.now(parts.database, parts.reader)


def _representation(booth: CountedBooth, counts: Mapping[str, LiveCounts] | None) -> ShownBooth:
    if counts is None:
        return ShownBooth(**dict(booth), online=None, charging=None, ready=None)
    return ShownBooth(**dict(booth), **asdict(counts.get(booth.id, LiveCounts())))


def _possible(booth_id: str) -> str:
    """Return an id, if it is one that can exist."""
    if not is_device_id(booth_id):
        raise NoSuchBoothError(booth_id)
    return booth_id
