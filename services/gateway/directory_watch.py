"""Changes of the directory: doorbells for speed, versions for certainty.

A tag's version changes with every change of its entries, and exists only while
the directory is complete. It is compared every half second: so a lost doorbell
costs half a second, whatever the number of devices.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.doorbells import decode_directory_change
from shared.contract.names import Names
from shared.contract.tolerant_json import NOT_DECODABLE
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_COMPARE_SECONDS: Final = 0.5


@dataclass(eq=False, repr=False)
class DirectoryWatch:
    """Watches the directories of chargers and widgets for changes."""

    bus: Bus
    names: Names
    chargers: Callable[[int, list[str]], None]
    """Called with changes of chargers: partition, ids (none: all)."""
    widgets: Callable[[int, list[str]], None]
    """The same for widgets."""
    on_replica: Callable[[], None]
    """Called when Redis turns out to be a replica, which must not be read."""
    rng: random.Random

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.1, 0.5, self.rng)
        names = self.names
        tags = [(n.directory_version, n.directory_changes, self.chargers) for n in names.chargers]
        tags += [(n.directory_version, n.directory_changes, self.widgets) for n in names.widgets]
        self._version_keys = [version for version, _, _ in tags]
        self._on_change = [(call, i % names.partitions) for i, (_, _, call) in enumerate(tags)]
        self._by_channel = {channel: i for i, (_, channel, _) in enumerate(tags)}
        self._versions: list[bytes | None] = [None] * len(tags)
        self.seen = False

    @property
    def channels(self) -> list[str]:
        """The channels to subscribe to."""
        return list(self._by_channel)

    @property
    def complete(self) -> bool:
        """Whether the directory was complete at the last comparison."""
        return self.seen and all(version is not None for version in self._versions)

    def on_message(self, channel: str, payload: bytes) -> None:
        """Take a doorbell."""
        try:
            ids = decode_directory_change(payload).ids
        except NOT_DECODABLE as error:
            _log.warning("not a directory change", channel=channel, reason=str(error))
            ids = []
        on_change, partition = self._on_change[self._by_channel[channel]]
        on_change(partition, ids)

    def on_confirmed(self, channels: list[str]) -> None:
        """Report all of these tags as changed: their doorbells could be missed until now."""
        for channel in channels:
            on_change, partition = self._on_change[self._by_channel[channel]]
            on_change(partition, [])

    async def compare(self) -> None:
        """Compare the versions twice a second, until cancelled."""
        commands = [["ROLE"], *(["GET", key] for key in self._version_keys)]
        while True:
            try:
                (role, *_), *versions = await self.bus.commands(commands)
                if role != b"master":
                    # Demoted while we were connected: it still answers reads.
                    self.on_replica()
                    await self.bus.drop_connection("it is a replica")
            except BusUnavailableError:
                await asyncio.sleep(self._backoff.delay())
                continue
            self._backoff.reset()
            self._on_versions(versions)
            await asyncio.sleep(_COMPARE_SECONDS)

    def _on_versions(self, versions: list[bytes | None]) -> None:
        before, self._versions = self._versions, versions
        self.seen = True
        for index, (old, new) in enumerate(zip(before, versions, strict=True)):
            # None: nothing to report until the tag is complete again.
            if new is not None and new != old:
                on_change, partition = self._on_change[index]
                on_change(partition, [])
