"""REST: lists of devices and of pairings."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from services.registry.api import paging
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.representations import (
    CurrentPairing,
    ListedCharger,
    ListedWidget,
    Words,
)
from services.registry.devices import lists, pairing_service
from services.registry.devices.devices import Kind
from services.registry.devices.lists import ListedDevice
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Database

Location = Annotated[Words | None, Query(description="Only exactly there")]

_PAGES: Final = {Kind.CHARGER: Page[ListedCharger], Kind.WIDGET: Page[ListedWidget]}


def device_list_routes(kind: Kind, database: Database, projector: Projector) -> APIRouter:
    """Return the route of all devices of a kind, ``/chargers`` or ``/widgets``."""
    routes = APIRouter(tags=[f"{kind.value}s"])

    def shown(device: ListedDevice) -> ListedCharger | ListedWidget:
        said = {
            "id": device.id,
            "label": device.label,
            "location": device.location,
            "pairing_number": device.pairing_number,
            "registered_at": device.registered_at,
            "projected": projector.has(device.pairing_number),
        }
        if kind is Kind.CHARGER:
            return ListedCharger.model_validate({**said, "widget": device.partner})
        return ListedWidget.model_validate({**said, "charger": device.partner})

    @routes.get(
        f"/{kind.value}s",
        operation_id=f"list_{kind.value}s",
        summary=f"List {kind.value}s by their ids",
        response_model=_PAGES[kind],
    )
    async def every(
        *,
        q: Annotated[
            Words | None,
            Query(
                description="Only with this text in id, label or location; capitals do not matter"
            ),
        ] = None,
        location: Location = None,
        paired: Annotated[
            bool | None, Query(description="Only those that are paired, or that are not")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[Any]:
        after = _after(cursor)
        async with database.reading() as connection:
            found = await lists.of_devices(
                connection,
                kind,
                after=after,
                rows=limit + 1,
                q=q or None,
                location=location,
                paired=paired,
            )
        return paging.page(found, limit, shown, lambda device: (device.id,))

    return routes


def pairing_list_routes(database: Database, projector: Projector) -> APIRouter:
    """Return the route of all pairings, ``/pairings``."""
    routes = APIRouter(tags=["pairings"])

    @routes.get(
        "/pairings", operation_id="list_pairings", summary="List pairings by their chargers' ids"
    )
    async def every(
        *,
        charger: Annotated[Words | None, Query(description="Only of this charger")] = None,
        widget: Annotated[Words | None, Query(description="Only of this widget")] = None,
        location: Annotated[
            Words | None, Query(description="Only of chargers exactly there")
        ] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[CurrentPairing]:
        after = _after(cursor)
        async with database.reading() as connection:
            found = await lists.of_pairings(
                connection,
                after=after,
                rows=limit + 1,
                charger=charger,
                widget=widget,
                location=location,
            )
        return paging.page(
            found,
            limit,
            lambda each: pairing_service.listed(each, projected=projector.has(each.pairing_number)),
            lambda each: (each.charger,),
        )

    return routes


def _after(cursor: str | None) -> str:
    position = paging.decode(cursor, str)
    return str(position[0]) if position else ""
