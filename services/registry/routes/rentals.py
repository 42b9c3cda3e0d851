"""REST: rentals, from hand-over to collection."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import Body, Path, Query, Response

from services.registry.api import paging
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.problems import problem_responses
from services.registry.api.times import Time, require_order
from services.registry.directory.projector import Projector
from services.registry.estimate.shown import PhoneEstimate
from services.registry.history import rows
from services.registry.history.shown import RentalHistory
from services.registry.rentals import lists, rental_service, short_ids, summary
from services.registry.rentals.lists import Filter, ListedRental, Order, Place, State
from services.registry.rentals.rentals import Rental
from services.registry.rentals.representations import (
    Collection,
    EitherId,
    HandOver,
    ShownRental,
    WidgetReturn,
)
from services.registry.rentals.summary import Summary
from services.registry.routes.dependencies import (
    BoothDep,
    OfCharger,
    OfWidget,
    OperatorDep,
    Parts,
    PartsDep,
)
from services.registry.words import Words
from shared.bus.bus import BusUnavailableError

NewRentalId = Annotated[
    UUID,
    Path(
        description="A UUID (RFC 9562) of the client's choice",
        examples=["7b1f0c52-4a52-4a06-9a4f-3f0e6f0b8a11"],
    ),
]
RentalId = Annotated[
    EitherId,
    Path(description="Its id, or its `short_id`", examples=[short_ids.EXAMPLE]),
]

_MAX_MINUTES: Final = 366 * 24 * 60

_OPENED = {
    201: {"model": ShownRental, "description": "It is new"},
    **problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
}

routes = GuardedRouter(prefix="/rentals", tags=["rentals"])
summary_routes = GuardedRouter(tags=["rentals"])


class RentalPage(Page[ShownRental]):
    """A part of the list of rentals."""


@routes.get(
    "",
    operation_id="list_rentals",
    summary="List rentals, by default the newest first",
    response_model=RentalPage,
)
async def list_rentals(
    parts: PartsDep,
    *,
    state: Annotated[State | None, Query(description="Only those")] = None,
    charger: OfCharger = None,
    widget: OfWidget = None,
    booth: BoothDep,
    ticket: Annotated[
        Words | None,
        Query(
            description="Only with this ticket; capitals and accents do not matter",
            examples=["0815"],
        ),
    ] = None,
    charged_for_minutes: Annotated[
        int | None,
        Query(
            ge=0,
            le=_MAX_MINUTES,
            description="Only phones that are full for so long, and not collected",
            examples=[30],
        ),
    ] = None,
    widget_missing: Annotated[
        bool | None,
        Query(description="Only those collected without the widget coming back; or the others"),
    ] = None,
    order: Annotated[
        Order,
        Query(
            description="`waiting`: those first that have waited longest, a full phone for its "
            "visitor, or the hub for a widget that did not come back; the others last",
            examples=["waiting"],
        ),
    ] = Order.NEWEST,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ShownRental]:
    charged_for = None
    if charged_for_minutes is not None:
        charged_for = timedelta(minutes=charged_for_minutes)
    which = Filter(state, charger, widget, booth, ticket, charged_for, widget_missing)
    async with parts.database.connection() as connection:
        found = await lists.find_rentals(
            connection, which, order, after=_place_in(cursor, order), rows=limit + 1
        )
    return paging.page(
        found,
        limit,
        lambda each: _representation(each, parts.projector),
        lambda each: _place_of(each, order),
    )


@summary_routes.get(
    "/summary",
    operation_id="summarise_rentals",
    summary="Sum up the rentals of a day or an event",
    description="Of the phones handed over in this time: how many, how long they took to 80 and "
    "to 100 %, and what has not come back by now.",
)
async def summarise(
    parts: PartsDep,
    *,
    since: Annotated[Time | None, Query(description="Handed over from then on")] = None,
    until: Annotated[Time | None, Query(description="Handed over before that")] = None,
    booth: BoothDep,
) -> Summary:
    require_order(since, until)
    async with parts.database.connection() as connection:
        return await summary.summarise(connection, since, until, booth)


@routes.put(
    "/{rental_id}",
    operation_id="open_rental",
    summary="Hand over: a phone into a charger, a widget to its owner",
    description="The two are paired again, also if they are a pair: what the former phone "
    "reported lights nothing. The same request again changes nothing.",
    responses=_OPENED,
)
async def open_(
    rental_id: NewRentalId,
    body: HandOver,
    response: Response,
    operator: OperatorDep,
    parts: PartsDep,
    *,
    replace: Annotated[
        bool, Query(description="End pairings of the two that are in the way")
    ] = False,
) -> ShownRental:
    async with parts.database.write_transaction(operator) as connection:
        rental, is_new = await rental_service.hand_over(
            connection, rental_id, body, replace=replace
        )
    if is_new:
        response.status_code = HTTPStatus.CREATED
    return await _wait_and_represent(rental, parts.projector)


@routes.get(
    "/{rental_id}",
    operation_id="get_rental",
    summary="Look at a rental",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get(rental_id: RentalId, parts: PartsDep) -> ShownRental:
    async with parts.database.connection() as connection:
        rental = await rental_service.get(connection, rental_id)
    return _representation(rental, parts.projector)


@routes.get(
    "/{rental_id}/history",
    operation_id="get_rental_history",
    summary="How full its phone was over time, and its lights",
    description="For a chart. Levels are written down every 5 s; how long they are kept is set by "
    "CHARGELIGHT_REGISTRY_KEEP_HISTORY_DAYS.",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get_history(rental_id: RentalId, parts: PartsDep) -> RentalHistory:
    async with parts.database.connection() as connection:
        rental = await rental_service.get(connection, rental_id)
        levels = await rows.levels_of(connection, rental.id)
        lights = await rows.lights_of(connection, rental.id)
    estimate = None if rental.collected_at else await _estimate(rental, parts)
    return RentalHistory(levels=levels, lights=lights, estimate=estimate)


@routes.put(
    "/{rental_id}/collection",
    operation_id="collect_rental",
    summary="Give the phone back: its light goes dark",
    description="A pair that was one before the hand-over stays one, unless the widget did not "
    "come back; `pairing_kept` in the answer says what became of it.",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def collect(
    rental_id: RentalId,
    operator: OperatorDep,
    parts: PartsDep,
    body: Annotated[Collection | None, Body()] = None,
) -> ShownRental:
    async with parts.database.write_transaction(operator) as connection:
        rental = await rental_service.collect(connection, rental_id, body or Collection())
    return await _wait_and_represent(rental, parts.projector)


@routes.put(
    "/{rental_id}/widget-return",
    operation_id="return_widget",
    summary="Note that a widget came back after its phone was collected",
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def return_widget(
    rental_id: RentalId,
    operator: OperatorDep,
    parts: PartsDep,
    _body: Annotated[WidgetReturn | None, Body()] = None,
) -> ShownRental:
    async with parts.database.write_transaction(operator) as connection:
        rental = await rental_service.return_widget(connection, rental_id)
    return await _wait_and_represent(rental, parts.projector)


def _place_in(cursor: str | None, order: Order) -> Place | None:
    types = (int, int) if order is Order.WAITING else (int,)
    position = paging.decode(cursor, *types)
    return None if position is None else Place(*map(int, position))


def _place_of(rental: ListedRental, order: Order) -> tuple[int, ...]:
    place = Place(rental.opening_number, rental.waiting_rank)
    return place if order is Order.WAITING else place[:1]


def _representation(rental: Rental, projector: Projector) -> ShownRental:
    return ShownRental.of(rental, projected=projector.has_projected(_newest_number(rental)))


async def _wait_and_represent(rental: Rental, projector: Projector) -> ShownRental:
    """Wait a moment for a change of a rental to be in effect, and represent the rental."""
    in_effect = await projector.wait_for(_newest_number(rental))
    return ShownRental.of(rental, projected=in_effect)


async def _estimate(rental: Rental, parts: Parts) -> PhoneEstimate | None:
    try:
        (raw,), environment = await parts.reader.chargers([rental.charger])
    except BusUnavailableError:
        return None
    return parts.estimate_of(raw, environment.now)


def _newest_number(rental: Rental) -> int:
    return rental.ended_number or rental.pairing_number
