"""How large the body of a request may be, and how long it may take to come.

The time is that of Apache's mod_reqtimeout, ``body=30,MinRate=10240``: 30 s, and a second more for
each 10 KiB. Only the time in which we wait for the client counts.
https://httpd.apache.org/docs/2.4/mod/mod_reqtimeout.html
"""

import asyncio
import time
from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES: Final = 64 * 1024
MAX_ALERTS_BYTES: Final = 1024 * 1024
MAX_IMPORT_BYTES: Final = 64 * 1024 * 1024

BODY_SECONDS: Final = 30.0
MIN_BYTES_PER_SECOND: Final = 10 * 1024

ALERTS_PATH: Final = "/hub/alerts"
IMPORT_PATH: Final = "/import"


class LimitBodies:
    """Refuses a body that is too large (413) or too slow (408).

    One that says its size is refused before it is read.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, watching its body."""
        if scope["type"] == "http":
            root = scope["root_path"]
            limits = {root + IMPORT_PATH: MAX_IMPORT_BYTES, root + ALERTS_PATH: MAX_ALERTS_BYTES}
            limit = limits.get(scope["path"], MAX_BYTES)
            length = Headers(scope=scope).get("content-length", "")
            declared = int(length) if length.isdecimal() else 0
            receive = _Body(receive, limit, declared).receive
        await self._app(scope, receive, send)


class _Body:
    """The body of one request."""

    def __init__(self, receive: Receive, limit: int, declared: int) -> None:
        self._receive = receive
        self._limit = limit
        self._size = declared
        """How large it says that it is, or how much of it came."""
        self._seconds = BODY_SECONDS
        """How long it may take from now on."""
        self._received = 0
        self._is_complete = False

    async def receive(self) -> Message:
        """Return the next piece.

        Raises:
            HTTPException: It is too large, or too slow.
        """
        self._check_size()
        if self._is_complete:  # the server only tells when the client goes
            return await self._receive()
        message = await self._receive_in_time()
        size = len(message.get("body", b""))
        self._received += size
        self._size = max(self._size, self._received)
        self._seconds += size / MIN_BYTES_PER_SECOND
        self._is_complete = not message.get("more_body", False)
        self._check_size()
        return message

    async def _receive_in_time(self) -> Message:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._seconds):
                return await self._receive()
        except TimeoutError as error:
            raise HTTPException(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body came too slowly: it has {BODY_SECONDS:.0f} s, and from then on must "
                f"come with at least {MIN_BYTES_PER_SECOND:,} bytes per second. Nothing was "
                "changed; send it again",
            ) from error
        finally:
            self._seconds -= time.monotonic() - began

    def _check_size(self) -> None:
        if self._size > self._limit:
            raise HTTPException(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the body exceeds {self._limit:,} bytes; send it in parts",
            )
