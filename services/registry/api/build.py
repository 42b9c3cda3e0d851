"""The REST API: its routes, and what they have in common."""

from collections.abc import Iterable
from http import HTTPStatus

from fastapi import APIRouter, Depends, FastAPI
from fastapi_offline import FastAPIOffline

from services.registry.access.authorization import Authorization
from services.registry.api import problems
from services.registry.api.limits import LimitBodies
from services.registry.api.queries import require_known_parameters

_DESCRIPTION = """
Registers chargers and widgets, pairs them, keeps rentals, and tells what is going on.

Repeating a request does no harm: what is there already stays as it is. Errors are
problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)); their `detail` says
what to do. `projected` in an answer says whether the hub acts on the change already.
"""


def build(authorization: Authorization, routes: Iterable[APIRouter]) -> FastAPI:
    """Return the API.

    Args:
        authorization: Who may do what.
        routes: What there is to do.
    """
    api = FastAPIOffline(  # its docs page needs no internet, which a festival may not have
        title="Chargelight registry",
        summary="The life of a device, for operators.",
        description=_DESCRIPTION,
        version="1",
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.documented(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    problems.install(api)
    api.add_middleware(LimitBodies)
    before = [Depends(authorization.dependency()), Depends(require_known_parameters)]
    for each in routes:
        api.include_router(each, dependencies=before)
    return api
