"""REST: register, look at, change and unregister devices of one kind."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from services.registry.access.authorization import Who
from services.registry.api.problems import ProblemError, documented
from services.registry.api.representations import AnyId, DeviceId, RegisteredDevice, Registration
from services.registry.devices import devices, etags
from services.registry.devices.devices import Device, Kind
from services.registry.devices.etags import WITH_ETAG, Conditions, OnCondition
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Connection, Database
from shared.contract.devices import is_device_id
from shared.process import logs

_log = logs.get(__name__)


def device_routes(kind: Kind, database: Database, projector: Projector) -> APIRouter:
    """Return the routes of a kind, ``/chargers/{id}`` or ``/widgets/{id}``."""
    routes = APIRouter(prefix=f"/{kind.value}s", tags=[f"{kind.value}s"])

    @routes.put(
        "/{device_id}",
        operation_id=f"register_{kind.value}",
        summary=f"Register a {kind.value}, or change what it is called",
        responses={
            200: WITH_ETAG,
            201: {"model": RegisteredDevice, "description": "It is new", **WITH_ETAG},
            **documented(HTTPStatus.PRECONDITION_FAILED),
        },
    )
    async def register(
        device_id: Annotated[DeviceId, Path(description="Its id")],
        response: Response,
        who: Who,
        conditions: OnCondition,
        registration: Annotated[Registration | None, Body()] = None,
    ) -> RegisteredDevice:
        said = registration or Registration()
        async with database.changing(who.name) as connection:
            now = await devices.find(connection, kind, device_id)
            conditions.require(etags.of_device(now) if now else None)
            device, is_new = await devices.register(
                connection, kind, device_id, label=said.label, location=said.location
            )
        if is_new:
            response.status_code = HTTPStatus.CREATED
            _log.info(
                "registered", kind=kind.value, id=device_id, pairing_number=device.pairing_number
            )
        in_effect = await projector.in_effect(device.pairing_number)
        return _shown(device, response, projected=in_effect)

    @routes.get(
        "/{device_id}",
        operation_id=f"get_{kind.value}",
        summary=f"Look at a {kind.value}",
        responses={200: WITH_ETAG, **documented(HTTPStatus.NOT_FOUND)},
    )
    async def get(device_id: AnyId, response: Response) -> RegisteredDevice:
        device = None
        if is_device_id(device_id):
            async with database.reading() as connection:
                device = await devices.find(connection, kind, device_id)
        if device is None:
            raise not_registered(kind, device_id)
        return _shown(device, response, projected=projector.has(device.pairing_number))

    @routes.patch(
        "/{device_id}",
        operation_id=f"update_{kind.value}",
        summary=f"Change what a registered {kind.value} is called",
        responses={
            200: WITH_ETAG,
            **documented(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
        },
    )
    async def update(
        device_id: AnyId,
        registration: Registration,
        response: Response,
        who: Who,
        conditions: OnCondition,
    ) -> RegisteredDevice:
        _require_possible(kind, device_id)
        async with database.changing(who.name) as connection:
            await _require(connection, kind, device_id, conditions)
            device = await devices.update(
                connection,
                kind,
                device_id,
                label=registration.label,
                location=registration.location,
            )
        if device is None:
            raise not_registered(kind, device_id)
        return _shown(device, response, projected=projector.has(device.pairing_number))

    @routes.delete(
        "/{device_id}",
        operation_id=f"unregister_{kind.value}",
        summary=f"Unregister a {kind.value}: its pairing ends and its connections are closed",
        status_code=HTTPStatus.NO_CONTENT,
        responses=documented(HTTPStatus.NOT_FOUND, HTTPStatus.PRECONDITION_FAILED),
    )
    async def unregister(device_id: AnyId, who: Who, conditions: OnCondition) -> None:
        _require_possible(kind, device_id)
        async with database.changing(who.name) as connection:
            await _require(connection, kind, device_id, conditions)
            number = await devices.unregister(connection, kind, device_id)
        if number is None:
            raise not_registered(kind, device_id)
        _log.info("unregistered", kind=kind.value, id=device_id, pairing_number=number)
        await projector.in_effect(number)

    return routes


def not_registered(kind: Kind, device_id: str) -> ProblemError:
    """Return the problem of a device that is not there."""
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        f"no {kind.value} with the id {device_id!r} is registered",
        kind="not-registered",
        title="Not registered",
    )


def _require_possible(kind: Kind, device_id: str) -> None:
    """Refuse an id that can not exist before Postgres is asked for it."""
    if not is_device_id(device_id):
        raise not_registered(kind, device_id)


async def _require(
    connection: Connection, kind: Kind, device_id: str, conditions: Conditions
) -> None:
    """Refuse to change a device that is not there, or not as it must be."""
    now = await devices.find(connection, kind, device_id)
    if now is None:
        raise not_registered(kind, device_id)
    conditions.require(etags.of_device(now))


def _shown(device: Device, response: Response, *, projected: bool) -> RegisteredDevice:
    response.headers["ETag"] = etags.of_device(device)
    return RegisteredDevice(
        id=device.id,
        label=device.label,
        location=device.location,
        pairing_number=device.pairing_number,
        registered_at=device.registered_at,
        projected=projected,
    )
