"""How much a request may bring: a body is read into memory before anybody looks at it."""

from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES: Final = 64 * 1024
MOST_BYTES_OF_IMPORTS: Final = 64 * 1024 * 1024

IMPORT_PATH: Final = "/import"


class LimitBodies:
    """Refuses requests with too large a body (413), at the latest when it has come so far.

    Args:
        app: What is behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = MOST_BYTES_OF_IMPORTS if scope["path"] == IMPORT_PATH else MOST_BYTES
        came = 0

        async def receive_counting() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    f"the body exceeds {most:,} bytes; send it in parts",
                )
            return message

        await self._app(scope, receive_counting, send)
