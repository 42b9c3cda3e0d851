"""REST: pairings, seen from the charger and from the widget."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import Depends, Path, Query, Response

from services.registry.access.keys import Operator
from services.registry.api import paging
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.problems import problem_responses
from services.registry.api.representations import (
    ChargerId,
    ChargerWish,
    CurrentPairing,
    DeviceId,
    PairingWish,
)
from services.registry.devices import etags, lists, pairing_service
from services.registry.devices.etags import Conditions
from services.registry.devices.lists import PairingFilter
from services.registry.devices.pairing_service import PairingRequest
from services.registry.devices.pairings import Pairing
from services.registry.errors import NotPairedError
from services.registry.routes.dependencies import (
    WITH_ETAG,
    AnyId,
    BoothDep,
    Canary,
    ConditionsDep,
    OfCharger,
    OfWidget,
    OperatorDep,
    PartsDep,
)
from services.registry.words import Words
from shared.contract.connectors import is_id_of
from shared.contract.devices import Kind

Replace = Annotated[
    bool, Query(description="End what the charger or the widget is part of now, and pair them")
]
_PAIR: Final = {
    200: WITH_ETAG,
    **problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED),
}
_GET: Final = {200: WITH_ETAG, **problem_responses(HTTPStatus.NOT_FOUND)}
_UNPAIR: Final = problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED)

routes = GuardedRouter(tags=["pairings"])


class PairingPage(Page[CurrentPairing]):
    """A part of the list of pairings."""


@routes.get(
    "/pairings",
    operation_id="list_pairings",
    summary="List pairings by their chargers' ids",
    response_model=PairingPage,
)
async def list_pairings(
    parts: PartsDep,
    *,
    charger: OfCharger = None,
    widget: OfWidget = None,
    location: Annotated[
        Words | None,
        Query(
            description="Only of chargers there; capitals and accents do not matter",
            examples=["Main stage"],
        ),
    ] = None,
    booth: BoothDep,
    canary: Canary = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[CurrentPairing]:
    which = PairingFilter(charger, widget, location, booth, canary)
    async with parts.database.connection() as connection:
        found = await lists.find_pairings(
            connection, which, after=paging.id_in(cursor), rows=limit + 1
        )

    def represent(pairing: Pairing) -> CurrentPairing:
        in_effect = parts.projector.has_projected(pairing.pairing_number)
        return CurrentPairing(**dict(pairing), projected=in_effect)

    return paging.page(found, limit, represent, lambda pairing: (pairing.charger,))


class _Pairings:
    """What both paths do with the pairing of a device."""

    def __init__(self, parts: PartsDep, response: Response) -> None:
        self._parts = parts
        self._response = response

    async def pair(
        self, request: PairingRequest, operator: Operator, conditions: Conditions, seen_from: Kind
    ) -> CurrentPairing:
        async with self._parts.database.write_transaction(operator) as connection:
            pairing = await pairing_service.pair(connection, request, conditions, seen_from)
        in_effect = await self._parts.projector.wait_for(pairing.pairing_number)
        return self._answer(pairing, projected=in_effect)

    async def get(self, kind: Kind, device_id: str) -> CurrentPairing:
        _require_possible(kind, device_id)
        async with self._parts.database.connection() as connection:
            pairing = await pairing_service.get(connection, kind, device_id)
        in_effect = self._parts.projector.has_projected(pairing.pairing_number)
        return self._answer(pairing, projected=in_effect)

    async def end(
        self, kind: Kind, device_id: str, operator: Operator, conditions: Conditions
    ) -> None:
        _require_possible(kind, device_id)
        async with self._parts.database.write_transaction(operator) as connection:
            number = await pairing_service.end(connection, kind, device_id, conditions)
        if number is not None:
            await self._parts.projector.wait_for(number)

    def _answer(self, pairing: Pairing, *, projected: bool) -> CurrentPairing:
        self._response.headers["ETag"] = etags.of_pairing(pairing)
        return CurrentPairing(**dict(pairing), projected=projected)


PairingsDep = Annotated[_Pairings, Depends()]


@routes.put(
    "/pairings/{charger_id}",
    operation_id="pair_charger",
    summary="Pair a charger with a widget",
    responses=_PAIR,
)
async def pair(
    charger_id: Annotated[ChargerId, Path(description="Id of the charger", examples=["c1234"])],
    body: PairingWish,
    operator: OperatorDep,
    conditions: ConditionsDep,
    pairings: PairingsDep,
    *,
    replace: Replace = False,
) -> CurrentPairing:
    request = PairingRequest(charger_id, body.widget, replace)
    return await pairings.pair(request, operator, conditions, Kind.CHARGER)


@routes.put(
    "/widgets/{widget_id}/pairing",
    operation_id="pair_widget",
    summary="Pair a widget with a charger",
    responses=_PAIR,
)
async def pair_widget(
    widget_id: Annotated[DeviceId, Path(description="Id of the widget", examples=["wABCD"])],
    body: ChargerWish,
    operator: OperatorDep,
    conditions: ConditionsDep,
    pairings: PairingsDep,
    *,
    replace: Replace = False,
) -> CurrentPairing:
    request = PairingRequest(body.charger, widget_id, replace)
    return await pairings.pair(request, operator, conditions, Kind.WIDGET)


@routes.get(
    "/pairings/{charger_id}",
    operation_id="get_pairing",
    summary="Look at a charger's pairing",
    responses=_GET,
)
async def get(charger_id: AnyId, pairings: PairingsDep) -> CurrentPairing:
    return await pairings.get(Kind.CHARGER, charger_id)


@routes.get(
    "/widgets/{widget_id}/pairing",
    operation_id="get_widget_pairing",
    summary="Look at a widget's pairing",
    responses=_GET,
)
async def get_of_widget(widget_id: AnyId, pairings: PairingsDep) -> CurrentPairing:
    return await pairings.get(Kind.WIDGET, widget_id)


@routes.delete(
    "/pairings/{charger_id}",
    operation_id="unpair_charger",
    summary="End a charger's pairing: its widget goes dark",
    status_code=HTTPStatus.NO_CONTENT,
    responses=_UNPAIR,
)
async def unpair(
    charger_id: AnyId, operator: OperatorDep, conditions: ConditionsDep, pairings: PairingsDep
) -> None:
    await pairings.end(Kind.CHARGER, charger_id, operator, conditions)


@routes.delete(
    "/widgets/{widget_id}/pairing",
    operation_id="unpair_widget",
    summary="End a widget's pairing: it goes dark",
    status_code=HTTPStatus.NO_CONTENT,
    responses=_UNPAIR,
)
async def unpair_widget(
    widget_id: AnyId, operator: OperatorDep, conditions: ConditionsDep, pairings: PairingsDep
) -> None:
    await pairings.end(Kind.WIDGET, widget_id, operator, conditions)


def _require_possible(kind: Kind, device_id: str) -> None:
    """Refuse an id that cannot exist before Postgres is asked for it."""
    if not is_id_of(kind, device_id):
        raise NotPairedError(kind, device_id)
