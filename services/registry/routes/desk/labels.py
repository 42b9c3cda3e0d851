"""REST: labels to print for devices."""

import asyncio
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from services.registry.api.guarded_route import GuardedRouter
from services.registry.desk import labels
from services.registry.devices import lists
from services.registry.devices.lists import DeviceFilter
from services.registry.routes.dependencies import BoothDep, PartsDep
from services.registry.routes.desk.own_address import LinkAddress, own_address
from services.registry.words import Words
from shared.contract.devices import Kind

_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A page to print",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
}

_MOST_CHARACTERS: Final = 8000
"""Of a list of ids: a page of the longest."""

routes = GuardedRouter(tags=["desk"])


@routes.get(
    "/labels",
    operation_id="print_labels",
    summary="Get labels for devices, each with a QR code, as a page to print",
    description="The code is a link to the device in the console, which `GET /find` understands. "
    f"A page has {labels.MOST} labels at most, by ids, and leads to the next one.",
    response_class=HTMLResponse,
    responses=_PAGE,
)
async def print_labels(
    request: Request,
    parts: PartsDep,
    *,
    kind: Annotated[Kind, Query(description="Of these")],
    q: Annotated[
        Words | None,
        Query(
            description="Only with this text in id, label or location; capitals and accents do "
            "not matter",
            examples=["booth 3"],
        ),
    ] = None,
    booth: BoothDep,
    ids: Annotated[
        str | None,
        Query(
            description="Only of these, with commas or spaces between them",
            max_length=_MOST_CHARACTERS,
            pattern=r"^[^\x00-\x1f\x7f]*$",
            examples=["c1234,c1235"],
        ),
    ] = None,
    after: Annotated[
        Words | None, Query(description="Only of ids that come behind this one", examples=["c1234"])
    ] = None,
    address: LinkAddress = None,
) -> HTMLResponse:
    listed = ids.replace(",", " ").split() if ids else None
    which = DeviceFilter(q or None, location=None, booth=booth, paired=None, ids=listed)
    async with parts.database.connection() as connection:
        found = await lists.find_devices(
            connection, kind, which, after=after or "", rows=labels.MOST + 1
        )
    shown = found[: labels.MOST]
    more = None
    if len(found) > len(shown):
        more = "?" + urlencode({**request.query_params, "after": shown[-1].id})
    # Drawing so many codes takes a second: one page at a time, beside the event loop.
    with parts.label_pages.slot():
        return await asyncio.to_thread(
            labels.page_of, kind, shown, own_address(request, address), more
        )
