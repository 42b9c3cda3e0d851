"""What is answered where no route could: the request is cut off, or meets a bug."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.registry.api.problems import answer_to_bug, answer_to_cut_off
from shared.process import logs

_log = logs.get(__name__)


class AnswerTheUnanswered:
    """Answers a request that ended without an answer, and reports a bug.

    An answer that has begun is cut off: its client sees that it is not whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        is_answered = False

        async def send_and_note(message: Message) -> None:
            nonlocal is_answered
            is_answered = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except asyncio.CancelledError:  # by the server, at the end of its drain
            answer = answer_to_cut_off()
        except Exception as error:  # noqa: BLE001 - any: it ends this request, nothing else
            _log.exception("request failed", reason=str(error))
            answer = answer_to_bug()
        else:
            return
        if not is_answered:
            await answer(scope, receive, send)
