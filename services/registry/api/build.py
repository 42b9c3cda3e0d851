"""The REST API: register, unregister, pair."""

from http import HTTPStatus

from fastapi import FastAPI

from services.registry.api import problems
from services.registry.devices.device_routes import device_routes
from services.registry.devices.devices import Kind
from services.registry.devices.pairing_routes import pairing_routes
from services.registry.directory.projector import Projector
from services.registry.postgres.database import Database


def build(database: Database, projector: Projector) -> FastAPI:
    """Return the API.

    Args:
        database: Where changes are made.
        projector: Brings them into effect.
    """
    api = FastAPI(
        title="Chargelight registry",
        summary="Registers chargers and widgets, and pairs them.",
        version="1",
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.documented(
            HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    )
    problems.install(api)
    for kind in Kind:
        api.include_router(device_routes(kind, database, projector))
    api.include_router(pairing_routes(database, projector))
    return api
