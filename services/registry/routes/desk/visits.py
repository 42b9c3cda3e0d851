"""REST: a visitor's page, and its address."""

from http import HTTPStatus
from typing import Final

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from services.registry.api.guarded_route import GuardedRouter, address_of
from services.registry.api.problems import problem_responses
from services.registry.desk import look_ups, qr, visitor_codes, visitor_page
from services.registry.desk.languages import choose
from services.registry.desk.visitor_codes import Visit
from services.registry.desk.visitor_page import Phone
from services.registry.errors import DirectoryAbsentError, RentalIsOverError
from services.registry.live.state import state_since
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.rentals import rental_service
from services.registry.routes.dependencies import Parts, PartsDep
from services.registry.routes.desk.own_address import LinkAddress, own_address
from services.registry.routes.rentals import RentalId
from shared.bus.bus import BusUnavailableError

PATH: Final = "/v"
"""Short, for it is in a QR code."""

routes = GuardedRouter(tags=["desk"])


class VisitorPage(BaseModel):
    """Where a visitor sees how the phone charges, and so does anyone with its address."""

    code: str = Field(
        description="128 random bits; good until the phone is collected",
        examples=["mJ3bqZ0sXcN1vT9yKdLwRg"],
    )
    url: str = Field(
        description="The page's address", examples=["https://hub.example/v/mJ3bqZ0sXcN1vT9yKdLwRg"]
    )
    qr: str = Field(
        description="The same as a QR code, in SVG, for the visitor's camera",
        examples=['<svg viewBox="0 0 41 41" class="segno">…</svg>'],
    )


@routes.put(
    "/rentals/{rental_id}/visitor-page",
    operation_id="show_visitor_page",
    summary="Give a visitor a page of their own",
    description="It shows, without a key, how the phone charges and when it will be ready, and "
    "ends with the rental. The first request makes its code; again, it is the same.",
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
async def show_visitor_page(
    rental_id: RentalId, request: Request, parts: PartsDep, *, address: LinkAddress = None
) -> VisitorPage:
    async with parts.database.connection() as connection:
        rental = await rental_service.get(connection, rental_id)
        code = await visitor_codes.make(connection, rental.id)
    if code is None:
        raise RentalIsOverError("the phone was collected: there is nothing to show any more")
    url = f"{own_address(request, address)}{PATH}/{code}"
    return VisitorPage(code=code, url=url, qr=qr.svg_of(url))


def add_visitor_pages(api: FastAPI) -> None:
    """Add the pages. They are no operations of the API, and need no key."""
    api.add_route(f"{PATH}/{{code}}", _show_page, include_in_schema=False)


async def _show_page(request: Request) -> Response:
    parts: Parts = request.app.state.parts
    language = choose(request.headers.get("Accept-Language", ""))
    if not parts.look_ups.take(address_of(request)):
        return visitor_page.too_often(language, look_ups.SECONDS)
    try:
        phone = await _look_at(parts, request.path_params["code"])
    except (PostgresUnavailableError, BusUnavailableError, DirectoryAbsentError):
        return visitor_page.away(language)
    return visitor_page.gone(language) if phone is None else visitor_page.shown(phone, language)


async def _look_at(parts: Parts, code: str) -> Phone | None:
    """Return how it stands with a visitor's phone; None: no open rental has this code."""
    visit = await _visit(parts, code)
    if visit is None:
        return None
    (raw,), environment = await parts.reader.chargers([visit.charger])
    # Collected meanwhile, what was read may be the next visitor's.
    if await _visit(parts, code) is None:
        return None
    state = state_since(visit.pairing_number, raw, environment)
    if state is None:
        return Phone(None, None)  # the hand-over is not in effect yet
    light = state.status.status if state.status else None
    return Phone(light, parts.estimate_of(raw, environment.now))


async def _visit(parts: Parts, code: str) -> Visit | None:
    if not visitor_codes.is_code(code):
        return None
    async with parts.database.connection() as connection:
        return await visitor_codes.find(connection, code)
