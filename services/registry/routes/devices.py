"""REST: list, register, look at, change and unregister devices."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Body, Path, Query, Response
from fastapi.exceptions import RequestValidationError

from services.registry.access.keys import Operator
from services.registry.api import paging
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.problems import problem_responses
from services.registry.api.representations import (
    ChargerId,
    CurrentFullWhen,
    DeviceAfterPut,
    FullWhenWish,
    ListedCharger,
    ListedWidget,
    NewRegistration,
    RegisteredDevice,
    Registration,
    listed,
)
from services.registry.devices import devices, etags, full_when, lists
from services.registry.devices.devices import Device
from services.registry.devices.lists import DeviceFilter, ListedDevice
from services.registry.errors import NotRegisteredError
from services.registry.routes.dependencies import (
    WITH_ETAG,
    AnyId,
    BoothDep,
    Canary,
    ConditionsDep,
    KindDep,
    KindRouter,
    OperatorDep,
    PartsDep,
)
from services.registry.words import Words
from shared.contract.connectors import is_id_of
from shared.contract.devices import ID_RULE, Kind
from shared.process import logs


class ChargerPage(Page[ListedCharger]):
    """A part of the list of chargers."""


class WidgetPage(Page[ListedWidget]):
    """A part of the list of widgets."""


_PAGES: Final = {Kind.CHARGER: ChargerPage, Kind.WIDGET: WidgetPage}

_log = logs.get(__name__)

routes = KindRouter()
charger_routes = GuardedRouter(tags=["chargers"])

_FULL_WHEN: Final = "/chargers/{charger_id}/full-when"


@routes.get(
    "/{kind}s",
    tags=["{kind}s"],
    operation_id="list_{kind}s",
    summary="List {kind}s by their ids",
    response_model=_PAGES,
)
async def list_devices(
    kind: KindDep,
    parts: PartsDep,
    *,
    q: Annotated[
        Words | None,
        Query(
            description="Only with this text in id, label or location; capitals and accents do "
            "not matter",
            examples=["booth 3"],
        ),
    ] = None,
    location: Annotated[
        Words | None,
        Query(
            description="Only there; capitals and accents do not matter", examples=["Main stage"]
        ),
    ] = None,
    booth: BoothDep,
    paired: Annotated[
        bool | None, Query(description="Only those that are paired, or that are not")
    ] = None,
    canary: Canary = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Any]:
    which = DeviceFilter(q or None, location, booth, paired, canary)
    async with parts.database.connection() as connection:
        found = await lists.find_devices(
            connection, kind, which, after=paging.id_in(cursor), rows=limit + 1
        )

    def represent(device: ListedDevice) -> ListedCharger | ListedWidget:
        projected = parts.projector.has_projected(device.newest_number)
        return listed(kind, device, projected=projected)

    return paging.page(found, limit, represent, lambda device: (device.id,))


@routes.put(
    "/{kind}s/{device_id}",
    tags=["{kind}s"],
    operation_id="register_{kind}",
    summary="Register a {kind}, or change what it is called",
    response_model_exclude_unset=True,
    responses={
        200: WITH_ETAG,
        201: {"model": DeviceAfterPut, "description": "It is new", **WITH_ETAG},
        **problem_responses(
            HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED
        ),
    },
)
async def register(
    kind: KindDep,
    device_id: Annotated[ChargerId, Path(description="Its id", examples=["c1234"])],
    response: Response,
    operator: OperatorDep,
    conditions: ConditionsDep,
    parts: PartsDep,
    registration: Annotated[NewRegistration | None, Body()] = None,
) -> DeviceAfterPut:
    if not is_id_of(kind, device_id):
        where = {"type": "value_error", "loc": ("path", "device_id"), "input": device_id}
        raise RequestValidationError([{**where, "msg": f"Value error, {ID_RULE}"}])
    wanted = _wanted(registration or NewRegistration(), operator)
    async with parts.database.write_transaction(operator) as connection:
        now = await devices.find(connection, kind, device_id)
        conditions.require(etags.of_device(now) if now else None)
        device, is_new = await devices.register(connection, kind, device_id, wanted)
        number = await devices.secrets_number(connection, kind, device_id)
        hints = is_new and operator.booth is None  # another booth's id is none of its business
        similar = await devices.find_similar(connection, kind, device_id) if hints else None
    if is_new:
        response.status_code = HTTPStatus.CREATED
        _log.info("registered", kind=kind.value, id=device_id, pairing_number=device.pairing_number)
    in_effect = await parts.projector.wait_for(max(device.pairing_number, number))
    members = dict(_representation(device, response, projected=in_effect))
    if similar is not None:
        members["hint"] = f"there is a {kind.value} {similar}, too: capitals matter"
    return DeviceAfterPut(**members)


@routes.get(
    "/{kind}s/{device_id}",
    tags=["{kind}s"],
    operation_id="get_{kind}",
    summary="Look at a {kind}",
    responses={200: WITH_ETAG, **problem_responses(HTTPStatus.NOT_FOUND)},
)
async def get(
    kind: KindDep, device_id: AnyId, response: Response, parts: PartsDep
) -> RegisteredDevice:
    devices.require_possible(kind, device_id)
    async with parts.database.connection() as connection:
        device = await devices.get(connection, kind, device_id)
        number = await devices.secrets_number(connection, kind, device_id)
    in_effect = parts.projector.has_projected(max(device.pairing_number, number))
    return _representation(device, response, projected=in_effect)


@routes.patch(
    "/{kind}s/{device_id}",
    tags=["{kind}s"],
    operation_id="update_{kind}",
    summary="Change what a registered {kind} is called",
    responses={
        200: WITH_ETAG,
        **problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    },
)
async def update(
    kind: KindDep,
    device_id: AnyId,
    registration: Registration,
    response: Response,
    operator: OperatorDep,
    conditions: ConditionsDep,
    parts: PartsDep,
) -> RegisteredDevice:
    devices.require_possible(kind, device_id)
    async with parts.database.write_transaction(operator) as connection:
        conditions.require(etags.of_device(await devices.get(connection, kind, device_id)))
        device = await devices.update(connection, kind, device_id, _wanted(registration, operator))
        if device is None:
            raise NotRegisteredError(kind, device_id)
        number = await devices.secrets_number(connection, kind, device_id)
    in_effect = await parts.projector.wait_for(max(device.pairing_number, number))
    return _representation(device, response, projected=in_effect)


@routes.delete(
    "/{kind}s/{device_id}",
    tags=["{kind}s"],
    operation_id="unregister_{kind}",
    summary="Unregister a {kind}: its pairing ends and its connections are closed",
    status_code=HTTPStatus.NO_CONTENT,
    responses=problem_responses(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
)
async def unregister(
    kind: KindDep,
    device_id: AnyId,
    operator: OperatorDep,
    conditions: ConditionsDep,
    parts: PartsDep,
) -> None:
    devices.require_possible(kind, device_id)
    async with parts.database.write_transaction(operator) as connection:
        conditions.require(etags.of_device(await devices.get(connection, kind, device_id)))
        number = await devices.unregister(connection, kind, device_id)
    if number is None:
        raise NotRegisteredError(kind, device_id)
    _log.info("unregistered", kind=kind.value, id=device_id, pairing_number=number)
    await parts.projector.wait_for(number)


@charger_routes.get(
    _FULL_WHEN,
    operation_id="get_full_when",
    summary="Look at what counts as full at a charger",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get_full_when(charger_id: AnyId, parts: PartsDep) -> CurrentFullWhen:
    devices.require_possible(Kind.CHARGER, charger_id)
    async with parts.database.connection() as connection:
        found = await full_when.find(connection, charger_id)
    in_effect = parts.projector.has_projected(found.secrets_number)
    return CurrentFullWhen(charger=charger_id, full_when=found.full_when, projected=in_effect)


@charger_routes.put(
    _FULL_WHEN,
    operation_id="set_full_when",
    summary="Set what counts as full at a charger that knows no state of charge",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def set_full_when(
    charger_id: AnyId, wish: FullWhenWish, operator: OperatorDep, parts: PartsDep
) -> CurrentFullWhen:
    devices.require_possible(Kind.CHARGER, charger_id)
    async with parts.database.write_transaction(operator) as connection:
        now = await full_when.change(connection, charger_id, wish.full_when)
    in_effect = await parts.projector.wait_for(now.secrets_number)
    return CurrentFullWhen(charger=charger_id, full_when=now.full_when, projected=in_effect)


def _wanted(registration: Registration, operator: Operator) -> devices.Wanted:
    # Who has a key for a booth puts new devices into it; those that are known are there.
    booth = registration.booth if operator.booth is None else operator.booth
    canary = registration.canary if isinstance(registration, NewRegistration) else None
    return devices.Wanted(
        registration.label, registration.location, booth, registration.auth, canary
    )


def _representation(device: Device, response: Response, *, projected: bool) -> RegisteredDevice:
    response.headers["ETag"] = etags.of_device(device)
    return RegisteredDevice(**dict(device), projected=projected)
