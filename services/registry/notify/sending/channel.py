"""Sends an event to people, by mail, ntfy, Telegram and the like: apprise knows how.

Apprise waits while it sends, so it has a thread. It has deadlines of its own; should one fail, the
channel is busy until the thread ends, and neither the registry nor its end waits for it.
https://github.com/caronc/apprise
"""

import asyncio
import contextlib
import io
import logging
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from apprise import Apprise, AppriseAsset, NotifyFormat

from services.registry.notify.events import Event, Message, message_of
from services.registry.notify.sending.outcome import NotDeliveredError

if TYPE_CHECKING:
    from uuid import UUID

SECONDS: Final = 45.0
"""For one message, and those before it; shorter than its claim in the outbox. Some services are
slow, and to others apprise leaves seconds between two messages."""
_REMEMBERED: Final = 100
"""Messages that are not sent again, should their delivery be tried again."""

_ASSET: Final = AppriseAsset(app_id="Chargelight", app_desc="Chargelight")
_LOGGER: Final = logging.getLogger("apprise")
_STATUS: Final = re.compile(r"error=(\d{3})\b")
_said: Final[ContextVar[io.StringIO | None]] = ContextVar("said", default=None)

# What it logs may quote a URL, and with it a token: only HTTP statuses are taken from it.
_LOGGER.propagate = False
_LOGGER.addHandler(logging.NullHandler())
_LOGGER.setLevel(logging.WARNING)


def is_channel(url: str) -> bool:
    """Tell whether apprise can send to a URL."""
    return Apprise.instantiate(url, asset=_ASSET, suppress_exceptions=True) is not None


class Channel:
    """A way to people.

    Args:
        url: As apprise understands it; `is_channel` says so.
    """

    at_once: Final = 1

    def __init__(self, url: str) -> None:
        self._apprise = Apprise(asset=_ASSET)
        self._apprise.add(url)
        # One message at a time: several sent by threads could overtake each other.
        self._turn = asyncio.Lock()
        self._is_busy = False
        # The last ones, also those that arrived after we had stopped waiting.
        self._arrived: deque[UUID] = deque(maxlen=_REMEMBERED)

    async def send(self, event: Event) -> None:
        """Send an event.

        Raises:
            NotDeliveredError: It was not taken, as far as is known.
        """
        try:
            async with asyncio.timeout(SECONDS), self._turn:
                error = await self._send(event)
        except TimeoutError:
            raise NotDeliveredError(f"not taken within {SECONDS:g} s") from None
        if error is not None:
            raise NotDeliveredError(error)

    async def _send(self, event: Event) -> str | None:
        if self._is_busy:
            return "the last message is still on its way"
        if event.id in self._arrived:
            return None
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str | None] = loop.create_future()
        message = message_of(event)

        def work() -> None:
            self._is_busy = True
            said = self._notify(message)
            if said is None:
                self._arrived.append(event.id)
            self._is_busy = False
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_end, ended, said)

        # A daemon: the process does not wait for it when it ends.
        threading.Thread(target=work, name="apprise", daemon=True).start()
        return await ended

    def _notify(self, message: Message) -> str | None:
        """Send a message, in a thread; return why it was not taken, or None."""
        try:
            with _logged() as said:
                done = self._apprise.notify(
                    title=message.title, body=message.text, body_format=NotifyFormat.TEXT
                )
                statuses = _STATUS.findall(said.getvalue())
        except Exception as error:  # noqa: BLE001 - of any of a hundred services
            return f"it failed: {type(error).__name__}"
        if done:
            return None
        if statuses:
            return f"it answered with HTTP {statuses[-1]}"
        return "it was not reached, or refused"


@contextlib.contextmanager
def _logged() -> Iterator[io.StringIO]:
    """Collect what apprise logs; not what it logs of other channels at the same time.

    Threads of its own have the context of the thread that waits for them.
    """
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.addFilter(lambda _: _said.get() is said)
    _said.set(said)
    _LOGGER.addHandler(handler)
    try:
        yield said
    finally:
        _LOGGER.removeHandler(handler)


def _end(ended: "asyncio.Future[str | None]", said: str | None) -> None:
    if not ended.done():
        ended.set_result(said)
