"""Log lines of something that is lost and comes back: one of each, however often it flaps."""

import asyncio
from dataclasses import dataclass
from typing import Final

from shared.process.logs import Logger

_STANDS_SECONDS: Final = 3.0
"""For so long it must not be lost again before it is said to be back."""


@dataclass(eq=False, repr=False)
class LossLog:
    """Two lines, one when it is lost and one when it is back for good.

    A server that takes connections and refuses what they are for is lost several times a second.
    """

    logger: Logger
    lost_event: str
    back_event: str

    def __post_init__(self) -> None:
        self._is_said = False
        self._timer: asyncio.TimerHandle | None = None

    def lost(self, **fields: object) -> None:
        """Log that it is lost, unless that was the last thing logged."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._is_said:
            self._is_said = True
            self.logger.warning(self.lost_event, **fields)

    def back(self, **fields: object) -> None:
        """Log that it is back, once it has stood for `_STANDS_SECONDS`."""
        if self._is_said and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_STANDS_SECONDS, self._say_back, fields)

    def _say_back(self, fields: dict[str, object]) -> None:
        self._timer, self._is_said = None, False
        self.logger.info(self.back_event, **fields)
