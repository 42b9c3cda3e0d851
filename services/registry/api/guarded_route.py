"""Routes that judge the API key before they read the body of a request.

FastAPI reads and checks the body first and asks its dependencies then: a client without a key
could keep it reading. https://fastapi.tiangolo.com/how-to/custom-request-and-route/
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from services.registry.access.authorization import Authorization
from services.registry.access.keys import Operator

BEARER: Final = HTTPBearer(
    auto_error=False, description="An API key, `clk_…`; not asked for where that is off"
)

_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def address_of(request: Request) -> str:
    """Return the address that a request came from; empty: it is not known."""
    return request.client.host if request.client else ""


def authorization_of(request: Request) -> Authorization:
    """Return what knows the operators."""
    found: Authorization = request.app.state.parts.authorization
    return found


def operation_of(request: Request) -> str:
    """Return method and path of the operation, such as ``POST /keys``."""
    return f"{request.method} {request.scope['route'].path}"


class GuardedRoute(APIRoute):
    """A route for operators, each with the least role of `least_roles`."""

    def get_route_handler(self) -> _Handler:
        """Return what serves a request."""
        handle = super().get_route_handler()

        async def handle_guarded(request: Request) -> Response:
            request.state.operator = await _authorize(request)
            return await handle(request)

        return handle_guarded


class GuardedRouter(APIRouter):
    """Makes a `GuardedRoute` of each route."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=GuardedRoute, **options)


async def _authorize(request: Request) -> Operator:
    presented = await BEARER(request)
    key = presented.credentials if presented else None
    authorization = authorization_of(request)
    operator = await authorization.operator_with(key, address_of(request))
    authorization.require(operator, operation_of(request))
    return operator
