"""REST: register, look at and unregister devices of one kind."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from services.registry.access.authorization import Who
from services.registry.api.problems import ProblemError, documented
from services.registry.api.representations import AnyId, DeviceId, RegisteredDevice, Registration
from services.registry.devices import devices
from services.registry.devices.devices import Device, Kind
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Database
from shared import logs
from shared.names import is_device_id

_log = logs.get(__name__)


def device_routes(kind: Kind, database: Database, projector: Projector) -> APIRouter:
    """Return the routes of a kind, ``/chargers`` or ``/widgets``."""
    routes = APIRouter(prefix=f"/{kind.value}s", tags=[f"{kind.value}s"])

    @routes.put(
        "/{device_id}",
        operation_id=f"register_{kind.value}",
        summary=f"Register a {kind.value}, or change what it is called",
        responses={201: {"model": RegisteredDevice, "description": "It is new"}},
    )
    async def register(
        device_id: Annotated[DeviceId, Path(description="Its id")],
        response: Response,
        who: Who,
        registration: Annotated[Registration | None, Body()] = None,
    ) -> RegisteredDevice:
        said = registration or Registration()
        async with database.changing(who.name) as connection:
            device, is_new = await devices.register(
                connection, kind, device_id, label=said.label, location=said.location
            )
        if is_new:
            response.status_code = HTTPStatus.CREATED
            _log.info(
                "registered", kind=kind.value, id=device_id, pairing_number=device.pairing_number
            )
        return _shown(device, projected=await projector.in_effect(device.pairing_number))

    @routes.get(
        "/{device_id}",
        operation_id=f"get_{kind.value}",
        summary=f"Look at a {kind.value}",
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def get(device_id: AnyId) -> RegisteredDevice:
        device = None
        if is_device_id(device_id):
            async with database.reading() as connection:
                device = await devices.find(connection, kind, device_id)
        if device is None:
            raise not_registered(kind, device_id)
        return _shown(device, projected=projector.has(device.pairing_number))

    @routes.delete(
        "/{device_id}",
        operation_id=f"unregister_{kind.value}",
        summary=f"Unregister a {kind.value}: its pairing ends and its connections are closed",
        status_code=HTTPStatus.NO_CONTENT,
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def unregister(device_id: AnyId, who: Who) -> None:
        number = None
        if is_device_id(device_id):
            async with database.changing(who.name) as connection:
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


def _shown(device: Device, *, projected: bool) -> RegisteredDevice:
    return RegisteredDevice(
        id=device.id,
        label=device.label,
        location=device.location,
        pairing_number=device.pairing_number,
        registered_at=device.registered_at,
        projected=projected,
    )
