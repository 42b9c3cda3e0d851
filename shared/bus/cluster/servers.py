"""What one process knows of a Redis Cluster, and how it finds out."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.cluster.slots import Address, Topology
from shared.bus.connection import RedisConnection
from shared.bus.refusals.wrong_server import refuse_wrong_server
from shared.bus.resp_encoding import encode_command
from shared.bus.script import name_of
from shared.bus.server import check_replies
from shared.process import logs

_log = logs.get(__name__)

_LEAST_SECONDS: Final = 0.1
"""Shortest pause between two queries of all servers: while some are lost, callers make none."""
_QUESTIONS: Final = (("INFO", "server"), ("CLUSTER", "INFO"), ("CLUSTER", "SLOTS"))
_NAMES: Final = tuple(map(name_of, _QUESTIONS))

OnChanged = Callable[[Topology, Topology], None]
"""Called with the topology before and the one after."""


class Cluster:
    """Which server owns which slot; asked again when a server says otherwise or is away.

    Args:
        url: ``redis://`` or ``rediss://`` with one or more hosts, separated by commas: some of
            the cluster's servers, which name the others.
        name: Shown by ``CLIENT LIST``.
    """

    def __init__(self, url: str, name: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._login, at, hosts = parts.netloc.rpartition("@")
        self._login += at
        self._name = name
        self._seeds = [_address(host) for host in hosts.split(",")]
        self._query = f"?{parts.query}" if parts.query else ""
        self._lock = asyncio.Lock()
        self._refreshes = 0
        self._refreshed_at = 0.0
        self._on_changed: list[OnChanged] = []
        self.topology: Topology | None = None
        self.trouble: BusUnavailableError | None = None
        """Why the last query failed; None if it did not."""

    def on_changed(self, callback: OnChanged) -> None:
        """Call ``callback`` whenever a slot has another owner than was known."""
        self._on_changed.append(callback)

    def url_of(self, address: Address) -> str:
        """Return the URL of one server."""
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"{self._scheme}://{self._login}{host}:{address.port}/0{self._query}"

    async def refresh(self, first: Address | None = None) -> Topology:
        """Ask which server owns which slot; ``first``: a server that has just reported a change.

        Raises:
            BusUnavailableError: No server answers.
            RefusedError: It belongs to no cluster, or refuses.
        """
        refreshes = self._refreshes
        async with self._lock:
            if self.topology is not None and refreshes != self._refreshes:
                return self.topology  # another task asked while this one waited
            loop = asyncio.get_running_loop()
            if first is None:
                await asyncio.sleep(self._refreshed_at + _LEAST_SECONDS - loop.time())
            try:
                found = await self._find(first)
            except BusUnavailableError as error:
                self.trouble = error
                raise
            finally:
                self._refreshed_at = loop.time()
            self.trouble = None
            self._refreshes += 1
            self._update(found)
            return found

    def set_owner(self, slot: int, owner: Address) -> None:
        """Note that a slot has another owner; other servers may not know it yet."""
        if self.topology is not None and self.topology.owners[slot] != owner:
            self._update(self.topology.with_owner(slot, owner))

    def _update(self, found: Topology) -> None:
        before, self.topology = self.topology, found
        if before is None:
            _log.debug("cluster found", masters=len(found.masters), connection=self._name)
        elif before.owners != found.owners:
            # Slots move by the thousand; a server that came or left is worth a line.
            log = _log.debug if before.masters == found.masters else _log.info
            log("slots have other owners", masters=len(found.masters), connection=self._name)
            for callback in self._on_changed:
                callback(before, found)

    async def _find(self, first: Address | None) -> Topology:
        if first is not None:
            with contextlib.suppress(BusUnavailableError):
                found, _ = await self._ask(first)
                return found
        # All at once, and the first good answer counts: one that hangs delays nothing.
        known = self.topology.servers if self.topology is not None else frozenset()
        asking = [
            asyncio.create_task(self._ask(address), name=f"{self._name} asks {address}")
            for address in known.union(self._seeds)
        ]
        doubtful: Topology | None = None
        trouble: BusUnavailableError | None = None
        try:
            for answer in asyncio.as_completed(asking):
                try:
                    found, is_sound = await answer
                except BusUnavailableError as error:
                    # The error that says which setting is wrong is the most useful one.
                    if trouble is None or type(error) is not BusUnavailableError:
                        trouble = error
                    continue
                if is_sound:
                    return found
                doubtful = found
        finally:
            for task in asking:
                task.cancel()
            await asyncio.gather(*asking, return_exceptions=True)
        if doubtful is not None:
            return doubtful
        raise trouble or BusUnavailableError("there is no server to ask")

    async def _ask(self, address: Address) -> tuple[Topology, bool]:
        """Return what one server knows, and whether it sees a working cluster (a majority)."""
        connection = RedisConnection(self.url_of(address), f"{self._name}-cluster")
        try:
            await connection.open()
            replies = await connection.exchange(
                b"".join(map(encode_command, _QUESTIONS)), len(_QUESTIONS)
            )
        finally:
            await connection.close()
        if not isinstance(replies[0], ResponseError):
            refuse_wrong_server(replies[0], is_cluster=True)
        try:
            _, info, slots = check_replies(_NAMES, replies, return_errors=False)
        except ResponseError as error:
            raise BusUnavailableError(f"Redis does not describe its cluster: {error}") from error
        return Topology.read(slots, address), b"cluster_state:ok" in info


def _address(host_and_port: str) -> Address:
    parts = urlsplit(f"//{host_and_port}")
    return Address(parts.hostname or "127.0.0.1", parts.port or 6379)
