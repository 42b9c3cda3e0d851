"""How many requests each route had, how they ended, and how long they took."""

import time
from collections.abc import Iterable, Mapping
from http import HTTPMethod
from typing import Final

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.registry import metrics

_GROUP_OF: Final = {
    "booths": "live",
    "chargers": "devices",
    "widgets": "devices",
    "secrets": "devices",
    "pairings": "pairings",
    "rentals": "rentals",
    "desk": "rentals",
    "bulk": "bulk",
    "live": "live",
    "notifications": "live",
    "access": "access",
    "retention": "access",
}
"""By the tags of the API's document."""
_CUT_OFF: Final = 500


def show_routes(routers: Iterable[APIRouter]) -> Mapping[str, str]:
    """Show the series of all routes from now on, and return each route's group."""
    group_of = {
        f"{HTTPMethod(method)} {route.path}": _GROUP_OF[str(route.tags[0])]
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods or ())
    }
    for route in (*group_of, metrics.OTHER_ROUTE):
        metrics.show_route(route)
    for group in group_of.values():
        metrics.REQUEST_SECONDS.of(group)
    return group_of


class MeasureRequests:
    """Counts and times the requests that reach a route; all others are one route together.

    Args:
        app: What answers them.
        group_of: What `show_routes` returned.
    """

    def __init__(self, app: ASGIApp, group_of: Mapping[str, str]) -> None:
        self._app = app
        self._group_of = group_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note how it ended."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = _CUT_OFF  # unless it is answered
        began, ended = time.monotonic(), None

        async def send_and_note(message: Message) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_stream(message):
                    ended = time.monotonic()  # how long it is watched says nothing of the registry
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._note(scope, status, (ended or time.monotonic()) - began)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        path = route.path if isinstance(route, APIRoute) else ""
        name = f"{scope['method']} {path}"
        group = self._group_of.get(name)
        metrics.count_request(name if group is not None else metrics.OTHER_ROUTE, status)
        if group is not None:
            metrics.REQUEST_SECONDS.of(group).observe(seconds)


def _is_stream(message: Message) -> bool:
    return Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
