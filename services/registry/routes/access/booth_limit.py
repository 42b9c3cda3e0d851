"""Keys that are limited to a booth: the one place that decides what they may ask for.

It runs before each operation. All that a request names, in its path or in its body, must be in the
booth of the key; what is elsewhere is, to this key, not there. An operation that names nothing must
take the booth from `visible_booth` or `own_booth`, and so show only what is in it. Any other one
is refused, also one that is added some day.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from psycopg.sql import SQL

from services.registry.access.keys import Operator
from services.registry.api.guarded_route import operation_of
from services.registry.errors import NoSuchBoothError, NotAllowedError, NotRegisteredError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value
from services.registry.postgres.tables import devices_table
from services.registry.rentals import rental_service, rentals, short_ids
from services.registry.routes.dependencies import OperatorDep, PartsDep, own_booth, visible_booth
from shared.contract.charger_commands import OF_WHOLE_CHARGER
from shared.contract.connectors import charger_of, is_id_of
from shared.contract.devices import Kind

_FILTERS: Final = {visible_booth, own_booth}
_ABOUT_ONESELF: Final = {"GET /whoami", "POST /session", "DELETE /session"}
"""What shows nothing of the hub."""

_IN_PATHS: Final = {"device_id", "charger_id", "widget_id", "rental_id", "booth_id"}
_IN_BODIES: Final = {"charger", "widget"}
"""What names a thing that is in a booth."""

_MAKES: Final = {
    "PUT /chargers/{device_id}",
    "PUT /widgets/{device_id}",
    "PUT /rentals/{rental_id}",
}
"""What may name in its path what is not there yet."""

_BOOTH_OF: Final = SQL("SELECT booth FROM {devices} WHERE id = %(id)s")
_HAS_CONNECTOR_ELSEWHERE: Final = """
    SELECT EXISTS (
        SELECT FROM chargers
        WHERE starts_with(id, %(id)s || ':') AND booth IS DISTINCT FROM %(booth)s
    )
"""


async def require_booth(request: Request, operator: OperatorDep, parts: PartsDep) -> None:
    """Check that a key which is limited to a booth may send a request.

    Raises:
        NotAllowedError: It is for keys of the whole hub, or a command that other booths feel.
        NotRegisteredError: A device that it names is not registered, or not in the booth.
        NoSuchRentalError: The same of a rental.
        NoSuchBoothError: It looks at another booth.
    """
    if operator.booth is None:
        return
    operation = operation_of(request)
    if not _is_for_booths(operation, request.path_params, request.scope["route"].dependant):
        parts.authorization.require_whole_hub(operator, operation)
    body = await _body_of(request)
    if body.get("booth") not in (None, operator.booth):
        parts.authorization.require_whole_hub(operator, operation)
    named = {name: body[name] for name in _IN_BODIES & body.keys()}
    async with parts.database.connection() as connection:
        for name, text in request.path_params.items():
            await _require(connection, operator, name, text, operation)
        for name, text in named.items():
            if isinstance(text, str):  # anything else is no id, which is said later
                await _require(connection, operator, name, text, "")
        if await _is_felt_elsewhere(connection, operator, request.path_params, body):
            why = "a connector of this charger is in another booth: this needs a key for all booths"
            parts.authorization.refuse(operator, operation, NotAllowedError(why))


def _is_for_booths(operation: str, named: Mapping[str, str], dependant: Dependant) -> bool:
    if named:
        # Those who have the whole hub change booths.
        looks = operation.startswith("GET ")
        return named.keys() <= _IN_PATHS and (looks or "booth_id" not in named)
    return operation in _ABOUT_ONESELF or not _FILTERS.isdisjoint(_calls(dependant))


def _calls(dependant: Dependant) -> Iterator[Any]:
    """Yield the functions that FastAPI calls for a route."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from _calls(each)


async def _body_of(request: Request) -> Mapping[str, Any]:
    """Return the members of a body in JSON, which FastAPI has read; none if it has another form."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _is_felt_elsewhere(
    connection: Connection, operator: Operator, named: Mapping[str, str], body: Mapping[str, Any]
) -> bool:
    """Tell whether it is a command to a whole charger, of which other booths have a part."""
    command = body.get("command")
    if not isinstance(command, str) or command not in OF_WHOLE_CHARGER:
        return False
    where = {"id": named.get("charger_id"), "booth": operator.booth}
    return bool(await fetch_value(connection, _HAS_CONNECTOR_ELSEWHERE, where))


async def _require(
    connection: Connection, operator: Operator, name: str, text: str, operation: str
) -> None:
    """Check that a thing is in an operator's booth, or can be made there."""
    match name:
        case "booth_id":
            if text != operator.booth:
                raise NoSuchBoothError(text)
        case "rental_id":
            await _require_rental(connection, operator, text, operation)
        case _:
            await _require_device(connection, operator, name, text, operation)


async def _require_rental(
    connection: Connection, operator: Operator, text: str, operation: str
) -> None:
    try:
        which = short_ids.decode(text)
    except ValueError:
        return  # it cannot be one, which is said later
    rental = await rentals.find(connection, which)
    if rental is None and operation in _MAKES:
        return
    if rental is None or rental.booth != operator.booth:
        raise rental_service.no_such_rental(which)


async def _require_device(
    connection: Connection, operator: Operator, name: str, text: str, operation: str
) -> None:
    word = name.removesuffix("_id")
    kinds = [kind for kind in Kind if word == kind or operation.split("/")[1:2] == [f"{kind}s"]]
    kind = kinds[0] if kinds else None
    found: list[str | None] = []
    for each in kinds or Kind:
        if is_id_of(each, text):
            query = _BOOTH_OF.format(devices=devices_table(each))
            rows = await connection.execute(query, {"id": text})
            found += [booth for (booth,) in await rows.fetchall()]
    if not found and operation in _MAKES:
        if (charger := charger_of(text)) is not None:
            # Whose connector it becomes must be in the booth, too.
            await _require_device(connection, operator, name, charger, operation)
        return
    # A charger and a widget may have one id: then both must be there.
    if not found or {*found} != {operator.booth}:
        raise NotRegisteredError(kind, text)
