"""The REST API: its routes, and what they have in common."""

import inspect
from collections.abc import Collection
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware

from services.registry.api import problems
from services.registry.api.addresses import ReadAddresses
from services.registry.api.docs_page import DOCUMENT, PAGE, add_docs
from services.registry.api.foreign_requests import RefuseForeignRequests
from services.registry.api.guarded_route import BEARER
from services.registry.api.queries import require_known_parameters
from services.registry.api.unanswered import AnswerTheUnanswered
from services.registry.console.pages import ADDRESS, add_console
from services.registry.edge.body_limits import LimitBodies
from services.registry.edge.request_metrics import MeasureRequests, show_routes
from services.registry.edge.response_headers import ResponseHeaders
from services.registry.routes import (
    booths,
    devices,
    explanations,
    exports,
    feed,
    imports,
    pairings,
    rentals,
    retention,
    secrets,
    states,
    support,
)
from services.registry.routes.access import audit, keys, sessions
from services.registry.routes.access.booth_limit import require_booth
from services.registry.routes.dependencies import Parts
from services.registry.routes.desk import board, commands, find, labels, visits
from services.registry.routes.notify import notifications
from shared.process.runtime import CannotServeError
from shared.version import VERSION

ROUTERS: Final = (
    booths.routes,
    devices.routes,
    devices.charger_routes,
    secrets.routes,
    pairings.routes,
    rentals.routes,
    rentals.summary_routes,
    find.routes,
    visits.routes,
    labels.routes,
    board.routes,
    commands.routes,
    imports.routes,
    exports.routes,
    states.routes,
    feed.routes,
    explanations.routes,
    notifications.routes,
    notifications.alert_routes,
    keys.routes,
    sessions.routes,
    audit.routes,
    retention.routes,
    support.routes,
)
"""All routes, in the order of the documentation."""

_DESCRIPTION: Final = """
Registers chargers and widgets, pairs them, keeps rentals, and tells what is going on.

Repeating a request does no harm: what is there already stays as it is. Errors are
problem details ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)); their `detail` says
what to do. `projected` in an answer says whether the hub acts on the change already.
"""

_TAGS: Final = {
    "booths": "The places of a festival, each with devices of its own.",
    "chargers": "The devices that charge visitors' phones.",
    "widgets": "The devices that visitors carry: their light shows how full the phone is.",
    "secrets": "What devices prove their identity with, where that is required.",
    "pairings": "Which widget shows the light of which charger.",
    "rentals": "One visitor's phone in one charger, from hand-over to collection.",
    "desk": "What the staff of a booth ask for at their desk.",
    "bulk": "Many devices in one file.",
    "live": "What is going on right now, and why a light is as it is.",
    "notifications": "Alerts to people and to other systems: what waits, and what was given up.",
    "access": "Operators, their API keys, and who changed what.",
    "retention": "Remove what is old, and what is known about one visitor.",
}

_FOR_ALL: Final = (Depends(BEARER), Depends(require_known_parameters), Depends(require_booth))
"""What each operation depends on; roles were judged before (`GuardedRoute`)."""

_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_REQUEST_HEADERS: Final = ("Authorization", "Content-Type", "If-Match", "If-None-Match")
_RESPONSE_HEADERS: Final = ("Allow", "Content-Disposition", "ETag", "Retry-After")


def build(
    parts: Parts,
    path_prefix: str = "",
    origins: Collection[str] = (),
    allowed_hosts: Collection[str] = (),
) -> FastAPI:
    """Return the API.

    Args:
        parts: What its routes work with.
        path_prefix: What clients' addresses begin with; empty: nothing.
        origins: Web pages that may use it, by their origins.
        allowed_hosts: Names of this hub that are neither local nor addresses.

    Raises:
        CannotServeError: The prefix is one of the API's own paths.
    """
    _require_not_our_own(path_prefix)
    api = FastAPI(
        title="Chargelight registry",
        summary="The life of a device, for operators.",
        description=_DESCRIPTION,
        version=VERSION,
        openapi_tags=[{"name": name, "description": text} for name, text in _TAGS.items()],
        openapi_url=None,  # `add_docs` shows it, with a key where one is required
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.problem_responses(
            HTTPStatus.UNAUTHORIZED,
            HTTPStatus.FORBIDDEN,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.MISDIRECTED_REQUEST,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
        ),
    )
    api.state.parts = parts
    problems.install(api)
    api.add_middleware(LimitBodies)
    api.add_middleware(AnswerTheUnanswered)
    api.add_middleware(MeasureRequests, show_routes(ROUTERS))
    if origins:
        # Without credentials, which are cookies: an API key is a header that a page sets itself.
        api.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_RESPONSE_HEADERS,
        )
    api.add_middleware(ReadAddresses, path_prefix)
    api.add_middleware(RefuseForeignRequests, allowed_hosts, origins)
    api.add_middleware(ResponseHeaders)
    add_docs(api)
    add_console(api)
    visits.add_visitor_pages(api)
    for each in ROUTERS:
        _describe_answers(each)
        api.include_router(each, dependencies=_FOR_ALL)
    return api


def _describe_answers(router: APIRouter) -> None:
    """Describe answers by what they consist of, where FastAPI would call them successful."""
    for route in router.routes:
        if isinstance(route, APIRoute) and route.response_description == "Successful Response":
            text = inspect.getdoc(route.response_model) if route.response_model else "Done."
            route.response_description = (text or "").partition("\n")[0]


def _require_not_our_own(path_prefix: str) -> None:
    """Refuse a prefix that cannot be told from a path of which a proxy removed it."""
    first = path_prefix.removeprefix("/").partition("/")[0]
    routes = [route for router in ROUTERS for route in router.routes]
    paths = [route.path for route in routes if isinstance(route, APIRoute)]
    if first in {path.split("/")[1] for path in (*paths, PAGE, DOCUMENT, ADDRESS, visits.PATH)}:
        raise CannotServeError(
            f"CHARGELIGHT_REGISTRY_PATH_PREFIX must not begin with /{first}, a path of the API "
            "itself. Choose another one, such as /registry"
        )
