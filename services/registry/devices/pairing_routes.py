"""REST: pair and unpair."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from services.registry.access.authorization import Who
from services.registry.api.problems import ProblemError, documented
from services.registry.api.representations import AnyId, CurrentPairing, DeviceId, PairingWish
from services.registry.devices import devices, pairings
from services.registry.devices.device_routes import not_registered
from services.registry.devices.devices import Kind
from services.registry.devices.pairing import Decision, decide
from services.registry.devices.pairings import Pairing
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Connection, Database
from shared import logs
from shared.names import is_device_id

_log = logs.get(__name__)


def pairing_routes(database: Database, projector: Projector) -> APIRouter:
    """Return the routes of ``/pairings``."""
    routes = APIRouter(prefix="/pairings", tags=["pairings"])

    @routes.put(
        "/{charger_id}",
        operation_id="pair",
        summary="Pair a charger with a widget; the charger's former pairing ends",
        responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )
    async def pair(
        charger_id: Annotated[DeviceId, Path(description="Id of the charger")],
        wish: PairingWish,
        who: Who,
        *,
        replace: Annotated[
            bool, Query(description="Take the widget away from another charger")
        ] = False,
    ) -> CurrentPairing:
        async with database.changing(who.name) as connection:
            pairing = await _paired(connection, charger_id, wish.widget, replace=replace)
        return _shown(pairing, projected=await projector.in_effect(pairing.pairing_number))

    @routes.get(
        "/{charger_id}",
        operation_id="get_pairing",
        summary="Look at a charger's pairing",
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def get(charger_id: AnyId) -> CurrentPairing:
        pairing = None
        if is_device_id(charger_id):
            async with database.reading() as connection:
                pairing = await pairings.of_charger(connection, charger_id)
        if pairing is None:
            raise _not_paired(charger_id)
        return _shown(pairing, projected=projector.has(pairing.pairing_number))

    @routes.delete(
        "/{charger_id}",
        operation_id="unpair",
        summary="End a charger's pairing: its widget goes dark",
        status_code=HTTPStatus.NO_CONTENT,
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def unpair(charger_id: AnyId, who: Who) -> None:
        number = None
        if is_device_id(charger_id):
            async with database.changing(who.name) as connection:
                number = await pairings.unpair(connection, charger_id)
        if number is None:
            raise _not_paired(charger_id)
        _log.info("unpaired", charger=charger_id, pairing_number=number)
        await projector.in_effect(number)

    return routes


async def _paired(connection: Connection, charger: str, widget: str, *, replace: bool) -> Pairing:
    """Do what the rule says, as the directory's only writer.

    Raises:
        ProblemError: One of the two is not registered, or another charger has the widget.
    """
    for kind, device_id in ((Kind.CHARGER, charger), (Kind.WIDGET, widget)):
        if await devices.find(connection, kind, device_id) is None:
            raise not_registered(kind, device_id)
    own = await pairings.of_charger(connection, charger)
    others = await pairings.of_widget(connection, widget)
    decision = decide(
        charger=charger,
        widget=widget,
        widget_now=own.widget if own else None,
        charger_now=others.charger if others else None,
        replace=replace,
    )
    if own is not None and decision is Decision.KEEP:
        return own
    if others is not None and decision is Decision.REFUSE:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"the widget {widget} is paired with the charger {others.charger}. Unpair that one "
            "first, or repeat with ?replace=true",
            kind="widget-is-paired",
            title="The widget is paired with another charger",
            charger=others.charger,
        )
    pairing = await pairings.pair(connection, charger, widget)
    _log.info("paired", charger=charger, widget=widget, pairing_number=pairing.pairing_number)
    return pairing


def _not_paired(charger_id: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        f"the charger {charger_id!r} is not paired",
        kind="not-paired",
        title="Not paired",
    )


def _shown(pairing: Pairing, *, projected: bool) -> CurrentPairing:
    return CurrentPairing(
        charger=pairing.charger,
        widget=pairing.widget,
        pairing_number=pairing.pairing_number,
        paired_at=pairing.paired_at,
        projected=projected,
    )
