"""REST: pair and unpair, seen from the charger and from the widget."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.registry.access.authorization import Who
from services.registry.api.problems import documented
from services.registry.api.representations import (
    AnyId,
    ChargerWish,
    CurrentPairing,
    DeviceId,
    PairingWish,
)
from services.registry.devices import pairing_service
from services.registry.devices.devices import Kind
from services.registry.devices.etags import WITH_ETAG, Conditions, OnCondition
from services.registry.devices.pairing_service import Wish
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Database

Replace = Annotated[
    bool, Query(description="End what the charger or the widget is part of now, and pair them")
]
_PAIR = {
    200: WITH_ETAG,
    **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
}
_LOOK = {200: WITH_ETAG, **documented(HTTPStatus.NOT_FOUND)}
_UNPAIR = documented(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)


def pairing_routes(database: Database, projector: Projector) -> APIRouter:
    """Return the routes of ``/pairings/{charger}`` and ``/widgets/{widget}/pairing``."""
    routes = APIRouter(tags=["pairings"])

    @routes.put(
        "/pairings/{charger_id}",
        operation_id="pair",
        summary="Pair a charger with a widget",
        responses=_PAIR,
    )
    async def pair(
        charger_id: Annotated[DeviceId, Path(description="Id of the charger")],
        wish: PairingWish,
        response: Response,
        who: Who,
        conditions: OnCondition,
        *,
        replace: Replace = False,
    ) -> CurrentPairing:
        async with database.changing(who.name) as connection:
            pairing = await pairing_service.fulfil(
                connection, Wish(charger_id, wish.widget, replace), Kind.CHARGER, conditions
            )
        in_effect = await projector.in_effect(pairing.pairing_number)
        return pairing_service.shown(pairing, response, projected=in_effect)

    @routes.put(
        "/widgets/{widget_id}/pairing",
        operation_id="pair_widget",
        summary="Pair a widget with a charger",
        responses=_PAIR,
    )
    async def pair_widget(
        widget_id: Annotated[DeviceId, Path(description="Id of the widget")],
        wish: ChargerWish,
        response: Response,
        who: Who,
        conditions: OnCondition,
        *,
        replace: Replace = False,
    ) -> CurrentPairing:
        async with database.changing(who.name) as connection:
            pairing = await pairing_service.fulfil(
                connection, Wish(wish.charger, widget_id, replace), Kind.WIDGET, conditions
            )
        in_effect = await projector.in_effect(pairing.pairing_number)
        return pairing_service.shown(pairing, response, projected=in_effect)

    async def look(kind: Kind, device_id: str, response: Response) -> CurrentPairing:
        pairing_service.require_possible(kind, device_id)
        async with database.reading() as connection:
            pairing = await pairing_service.current(connection, kind, device_id)
        in_effect = projector.has(pairing.pairing_number)
        return pairing_service.shown(pairing, response, projected=in_effect)

    @routes.get(
        "/pairings/{charger_id}",
        operation_id="get_pairing",
        summary="Look at a charger's pairing",
        responses=_LOOK,
    )
    async def get(charger_id: AnyId, response: Response) -> CurrentPairing:
        return await look(Kind.CHARGER, charger_id, response)

    @routes.get(
        "/widgets/{widget_id}/pairing",
        operation_id="get_widget_pairing",
        summary="Look at a widget's pairing",
        responses=_LOOK,
    )
    async def get_of_widget(widget_id: AnyId, response: Response) -> CurrentPairing:
        return await look(Kind.WIDGET, widget_id, response)

    async def end(kind: Kind, device_id: str, by: str, conditions: Conditions) -> None:
        pairing_service.require_possible(kind, device_id)
        async with database.changing(by) as connection:
            number = await pairing_service.end(connection, kind, device_id, conditions)
        if number is not None:
            await projector.in_effect(number)

    @routes.delete(
        "/pairings/{charger_id}",
        operation_id="unpair",
        summary="End a charger's pairing: its widget goes dark",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_UNPAIR,
    )
    async def unpair(charger_id: AnyId, who: Who, conditions: OnCondition) -> None:
        await end(Kind.CHARGER, charger_id, who.name, conditions)

    @routes.delete(
        "/widgets/{widget_id}/pairing",
        operation_id="unpair_widget",
        summary="End a widget's pairing: it goes dark",
        status_code=HTTPStatus.NO_CONTENT,
        responses=_UNPAIR,
    )
    async def unpair_widget(widget_id: AnyId, who: Who, conditions: OnCondition) -> None:
        await end(Kind.WIDGET, widget_id, who.name, conditions)

    return routes
