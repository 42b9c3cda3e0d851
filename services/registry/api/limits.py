"""How large the body of a request may be: it is read into memory as a whole."""

from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES: Final = 64 * 1024
MAX_IMPORT_BYTES: Final = 64 * 1024 * 1024

IMPORT_PATH: Final = "/import"


class LimitBodies:
    """Refuses requests with too large a body (413), as soon as too much was received."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = MAX_IMPORT_BYTES if scope["path"] == IMPORT_PATH else MAX_BYTES
        received = 0

        async def receive_counting() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"the body exceeds {limit:,} bytes; send it in parts",
                )
            return message

        await self._app(scope, receive_counting, send)
