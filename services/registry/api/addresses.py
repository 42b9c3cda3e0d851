"""How the address of a request is read, before any route sees it."""

import re
from typing import Final
from urllib.parse import unquote

from starlette.types import ASGIApp, Receive, Scope, Send

HEAD_ONLY: Final = "chargelight.head_only"
"""Member of a request's scope: whether only the head of the answer is asked for."""

_ENCODED_SLASH: Final = re.compile("%2F", re.IGNORECASE)


class ReadAddresses:
    """Spares the routes three things: the path prefix, encoded slashes, and HEAD.

    Args:
        app: What answers the requests.
        prefix: What clients' addresses begin with, such as ``/registry``; empty: nothing. A
            proxy may pass it on or remove it.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the address that it means."""
        await self._app(self._read(scope) if scope["type"] == "http" else scope, receive, send)

    def _read(self, scope: Scope) -> Scope:
        path = _decode(scope["raw_path"].decode())
        if f"{path}/".startswith(f"{self._prefix}/"):
            path = path.removeprefix(self._prefix)
        return {
            **scope,
            # As ASGI has it, the path includes the root path.
            "root_path": self._prefix,
            "path": self._prefix + (path or "/"),
            # RFC 9110, section 9.3.2: the answer to a GET, of which the server sends the head.
            "method": "GET" if scope["method"] == "HEAD" else scope["method"],
            HEAD_ONLY: scope["method"] == "HEAD",
        }


def _decode(path: str) -> str:
    """Decode a path, but leave ``%2F`` as it is: a part of an id, not the end of one.

    No id has a ``%`` in it, so that one is refused like any other that cannot exist.
    """
    return unquote(_ENCODED_SLASH.sub("%252F", path))
