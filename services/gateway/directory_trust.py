"""Whether a missing directory entry means that a device is not registered."""

import asyncio
from collections.abc import Callable
from typing import Final

_DOUBT_SECONDS: Final = 5.0
"""Within this time a running registry has projected the whole directory again."""


class DirectoryTrust:
    """Doubts for a while, after Redis was lost, that a device without an entry is unregistered.

    Redis may have come back with an old directory (a snapshot, a replica that missed
    the last writes): complete by its mark, but without the devices registered last.
    The registry projects all of it again as soon as Redis is back.
    """

    def __init__(self) -> None:
        self._doubt: asyncio.TimerHandle | None = None
        self._on_restored: list[Callable[[], None]] = []

    @property
    def in_doubt(self) -> bool:
        """Whether a missing entry means nothing yet."""
        return self._doubt is not None

    def on_restored(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at the end of each doubt, to look again at devices that wait."""
        self._on_restored.append(callback)

    def distrust_missing_entries(self) -> None:
        """Doubt from now on, for `_DOUBT_SECONDS`."""
        if self._doubt is not None:
            self._doubt.cancel()
        self._doubt = asyncio.get_running_loop().call_later(_DOUBT_SECONDS, self.restore)

    def restore(self) -> None:
        """End the doubt."""
        self._doubt = None
        for callback in self._on_restored:
            callback()

    def read(self, answer: bytes) -> bytes:
        """Return a script's answer; in doubt ``unregistered`` counts as ``absent``."""
        return b"absent" if self._doubt is not None and answer == b"unregistered" else answer
