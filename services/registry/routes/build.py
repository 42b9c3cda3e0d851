"""The REST API: its routes, and what they have in common."""

from http import HTTPStatus
from typing import Final

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from services.registry.api import problems
from services.registry.api.limits import LimitBodies
from services.registry.api.queries import require_known_parameters
from services.registry.routes import (
    audit,
    devices,
    explanations,
    exports,
    imports,
    keys,
    pairings,
    rentals,
    secrets,
    states,
)
from services.registry.routes.dependencies import Parts, authorize

ROUTERS: Final = (
    devices.routes,
    secrets.routes,
    pairings.routes,
    rentals.routes,
    imports.routes,
    exports.routes,
    states.routes,
    explanations.routes,
    keys.routes,
    audit.routes,
)
"""All routes, in the order of the documentation."""

_DESCRIPTION: Final = """
Registers chargers and widgets, pairs them, keeps rentals, and tells what is going on.

Repeating a request does no harm: what is there already stays as it is. Errors are
problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)); their `detail` says
what to do. `projected` in an answer says whether the hub acts on the change already.
"""


def build(parts: Parts) -> FastAPI:
    """Return the API; `parts` are what its routes work with."""
    api = FastAPIOffline(  # its docs page needs no internet, which a festival may not have
        title="Chargelight registry",
        summary="The life of a device, for operators.",
        description=_DESCRIPTION,
        version="1",
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.problem_responses(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    api.state.parts = parts
    problems.install(api)
    api.add_middleware(LimitBodies)
    for each in ROUTERS:
        api.include_router(
            each, dependencies=[Depends(authorize), Depends(require_known_parameters)]
        )
    return api
