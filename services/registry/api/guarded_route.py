"""Routes that judge the API key before they read the body of a request.

FastAPI reads and checks the body first and asks its dependencies then: a client without a key
could keep it reading. https://fastapi.tiangolo.com/how-to/custom-request-and-route/
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from services.registry.access import sessions
from services.registry.access.authorization import Authorization
from services.registry.access.keys import Operator
from services.registry.api.foreign_requests import is_same

BEARER: Final = HTTPBearer(
    auto_error=False, description="An API key, `clk_…`; not asked for where that is off"
)

CONSOLE: Final = "X-Chargelight-Console"
"""The header by which a request with a cookie says that a page of ours has sent it."""

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


def is_encrypted(request: Request) -> bool:
    """Tell whether the browser sees TLS, which a balancer may have taken off."""
    origin = request.headers.get("Origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")


def cookie_of(*, encrypted: bool) -> str:
    """Return the name of the cookie that a session is in."""
    return f"{sessions.HOST_PREFIX}{sessions.COOKIE}" if encrypted else sessions.COOKIE


def session_in(request: Request) -> str | None:
    """Return the session in a request; None: there is none, or another page may have sent it.

    A browser sends the cookie with whatever a page of this site sends. No other page can set the
    header without leave (CORS), nor say that it is ours: its ``Origin`` and ``Sec-Fetch-Site`` are
    the browser's. A link of ours says it with ``referrerpolicy="origin"``: without TLS, browsers
    send no ``Sec-Fetch-Site``.
    """
    cookies, headers = request.cookies, request.headers
    host = headers.get("Host", "")
    session = cookies.get(cookie_of(encrypted=True)) or cookies.get(cookie_of(encrypted=False))
    if not session:
        return None
    if request.method == "GET":
        is_ours = (
            CONSOLE in headers
            or headers.get("Sec-Fetch-Site") == "same-origin"
            or is_same(headers.get("Referer", ""), host)
        )
    else:
        is_ours = CONSOLE in headers and is_same(headers.get("Origin", ""), host)
    return session if is_ours else None


async def shown_in(request: Request) -> str | None:
    """Return the API key or the session that a request shows; None: it shows none."""
    presented = await BEARER(request)
    return presented.credentials if presented else session_in(request)


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
    authorization, operation = authorization_of(request), operation_of(request)
    operator = await _operator_of(request, authorization, operation)
    authorization.require(operator, operation)
    return operator


async def _operator_of(request: Request, authorization: Authorization, operation: str) -> Operator:
    presented = await BEARER(request)
    key, address = presented.credentials if presented else None, address_of(request)
    if operation == sessions.SIGNING_IN:
        if key is not None and sessions.is_code(key):
            return await authorization.operator_with_code(key, address)
    elif key is None and (session := session_in(request)) is not None:
        return await authorization.operator_in_session(session, address)
    return await authorization.operator_with(key, address)
