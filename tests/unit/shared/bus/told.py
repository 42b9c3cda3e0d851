"""What a subscriber tells the handler of its channels."""

import asyncio

DEADLINE_SECONDS = 30


class Told:
    """A handler that keeps what it was told, in order."""

    def __init__(self) -> None:
        self._told: asyncio.Queue[object] = asyncio.Queue()

    def on_message(self, channel: str, payload: bytes) -> None:
        self._told.put_nowait((channel, payload))

    def on_confirmed(self, channels: list[str]) -> None:
        self._told.put_nowait(sorted(channels))

    async def told(self) -> object:
        """Return what it was told next."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await self._told.get()

    @property
    def told_more(self) -> bool:
        return not self._told.empty()
