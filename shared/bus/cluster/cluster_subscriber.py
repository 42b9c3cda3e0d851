"""Doorbells of a Redis Cluster: each channel is heard where its hash slot is.

Sharded pub/sub (https://redis.io/docs/latest/develop/pubsub/#sharded-pubsub): a message
reaches those who subscribed at the owner of the channel's slot. There is one subscribing
connection per server; a loss of one, or a slot that moves, concerns its channels only.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.cluster.servers import Cluster
from shared.bus.cluster.slots import Address, Redirection, Topology, slot_of
from shared.bus.connection_metrics import MAIN
from shared.bus.single_server_subscriber import SingleServerSubscriber
from shared.bus.subscriber import Handler
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.waiting import wait_for_event

_log = logs.get(__name__)

_LOOK_SECONDS: Final = 0.5
"""How often servers are checked: when one is lost, others may have its slots."""

OnTaken = Callable[[list[str], Address | None], None]
"""Called with channels that moved to another server, and its address if it is known."""


@dataclass(eq=False, repr=False, kw_only=True)
class ServerSubscriber(SingleServerSubscriber):
    """The channels that one server of the cluster has."""

    address: Address
    on_taken: OnTaken
    """Called with channels that it no longer has."""

    _SUBSCRIBE: ClassVar[str] = "SSUBSCRIBE"
    _UNSUBSCRIBE: ClassVar[str] = "SUNSUBSCRIBE"
    _SUBSCRIBED: ClassVar[bytes] = b"ssubscribe"
    _UNSUBSCRIBED: ClassVar[bytes] = b"sunsubscribe"
    _MESSAGE: ClassVar[bytes] = b"smessage"

    @property
    def is_lost(self) -> bool:
        """Whether it is not connected although it has channels."""
        return bool(self._handlers) and not self._is_open

    def _slot_of(self, channel: str) -> int:
        return slot_of(channel)

    def _on_unasked_answer(self, channel: str, kind: bytes) -> None:
        if kind == self._UNSUBSCRIBED and channel in self._handlers:
            self._forget([channel])
            self.on_taken([channel], None)

    def _on_other_reply(self, reply: Any) -> None:
        redirection = None
        if isinstance(reply, ResponseError):
            redirection = Redirection.read(str(reply), self.address)
        if redirection is None:
            super()._on_other_reply(reply)
            return
        # The error names no channel: it counts for all channels of its slot.
        for channel in [c for c in self._unanswered if slot_of(c) == redirection.slot]:
            del self._unanswered[channel]
        taken = [c for c in self._handlers if slot_of(c) == redirection.slot]
        self._forget(taken)
        self.on_taken(taken, redirection.to)


@dataclass(eq=False, repr=False)
class ClusterSubscriber:
    """A `shared.bus.subscriber.Subscriber` to a cluster."""

    url: str
    name: str
    rng: random.Random
    clock: Callable[[], float] = time.monotonic
    purpose: str = MAIN
    """As its metrics name it."""

    def __post_init__(self) -> None:
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._cluster = Cluster(self.url, self.name)
        self._cluster.on_changed(self._on_changed)
        self._servers: dict[Address, ServerSubscriber] = {}
        self._tasks: dict[Address, asyncio.Task[None]] = {}
        self._handlers: dict[str, Handler] = {}
        self._place: dict[str, Address] = {}
        self._unplaced: set[str] = set()
        self._wake = asyncio.Event()
        self._is_doubtful = False
        self._ask_first: Address | None = None
        self._is_running = False

    @property
    def connected(self) -> bool:
        """As `Subscriber.connected`: to all servers."""
        return (
            self._cluster.topology is not None
            and not self._unplaced
            and all(server.connected for server in self._servers.values())
        )

    @property
    def trouble(self) -> BusUnavailableError | None:
        """As `Subscriber.trouble`."""
        troubles = [server.trouble for server in self._servers.values()]
        return next(filter(None, [self._cluster.trouble, *troubles]), None)

    def is_confirmed(self, channel: str) -> bool:
        """As `Subscriber.is_confirmed`."""
        at = self._place.get(channel)
        return at is not None and self._servers[at].is_confirmed(channel)

    def subscribe(self, channels: Iterable[str], handler: Handler) -> None:
        """As `Subscriber.subscribe`."""
        new = [channel for channel in channels if channel not in self._handlers]
        self._handlers.update(dict.fromkeys(new, handler))
        self._unplaced.update(new)
        self._place_channels()

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """As `Subscriber.unsubscribe`."""
        for channel in channels:
            self._handlers.pop(channel, None)
            self._unplaced.discard(channel)
            at = self._place.pop(channel, None)
            if at is not None:
                self._servers[at].unsubscribe([channel])

    def drop_connection(self, reason: str, channel: str | None = None) -> None:
        """As `Subscriber.drop_connection`."""
        at = self._place.get(channel) if channel is not None else None
        for address, server in self._servers.items():
            if channel is None or address == at:
                server.drop_connection(reason)

    async def run(self) -> None:
        """As `Subscriber.run`."""
        self._is_running = True
        try:
            while True:
                self._wake.clear()
                self._raise_if_one_ended()
                try:
                    await self._follow_topology()
                except BusUnavailableError as error:
                    _log.debug("cluster does not answer", reason=str(error))
                    await asyncio.sleep(self._backoff.delay())
                    continue
                self._backoff.reset()
                self._place_channels()
                await wait_for_event(self._wake, _LOOK_SECONDS)
        finally:
            self._is_running = False
            self._place.clear()
            self._unplaced = set(self._handlers)
            await self._end(list(self._tasks))

    # Where channels are.

    async def _follow_topology(self) -> None:
        """Ask which server owns which slot, if there is a reason to."""
        is_one_lost = any(server.is_lost for server in self._servers.values())
        if self._cluster.topology is None or self._is_doubtful or is_one_lost:
            self._is_doubtful, first, self._ask_first = False, self._ask_first, None
            try:
                topology = await self._cluster.refresh(first)
            except BusUnavailableError:
                self._is_doubtful = True
                raise
            await self._end([at for at in self._tasks if at not in topology.masters])

    def _place_channels(self) -> None:
        """Subscribe to channels that have no server yet, at their slot's owner."""
        topology = self._cluster.topology
        if topology is None or not self._is_running:
            return
        groups: dict[tuple[Address, Handler], list[str]] = {}
        for channel in self._unplaced:
            owner = topology.owners[slot_of(channel)]
            if owner is not None:
                groups.setdefault((owner, self._handlers[channel]), []).append(channel)
        for (owner, handler), channels in groups.items():
            self._server(owner).subscribe(channels, handler)
            self._place.update(dict.fromkeys(channels, owner))
            self._unplaced.difference_update(channels)
        if self._unplaced:
            self._is_doubtful = True

    def _on_changed(self, _before: Topology, after: Topology) -> None:
        """Move channels whose slots have another owner."""
        moved: dict[Address, list[str]] = {}
        for channel, at in self._place.items():
            if after.owners[slot_of(channel)] != at:
                moved.setdefault(at, []).append(channel)
        for at, channels in moved.items():
            # Not only forgotten: the server may have them still, and would go on sending.
            self._servers[at].unsubscribe(channels)
            self._displace(channels)
        self._place_channels()

    def _on_taken(self, channels: list[str], at: Address, to: Address | None) -> None:
        taken = [channel for channel in channels if self._place.get(channel) == at]
        if not taken:
            return
        self._displace(taken)
        if to is not None:
            # This is certain, and other servers may not know it yet.
            for slot in {slot_of(channel) for channel in taken}:
                self._cluster.set_owner(slot, to)
            self._place_channels()
        else:
            self._is_doubtful, self._ask_first = True, at
            self._wake.set()

    def _displace(self, channels: Iterable[str]) -> None:
        for channel in channels:
            del self._place[channel]
            self._unplaced.add(channel)

    # Servers.

    def _server(self, address: Address) -> ServerSubscriber:
        server = self._servers.get(address)
        if server is None:
            server = self._servers[address] = ServerSubscriber(
                self._cluster.url_of(address),
                self.name,
                address=address,
                on_taken=lambda channels, to: self._on_taken(channels, address, to),
                rng=self.rng,
                clock=self.clock,
                purpose=self.purpose,
            )
            task = asyncio.create_task(server.run(), name=f"{self.name} at {address}")
            task.add_done_callback(lambda _: self._wake.set())
            self._tasks[address] = task
        return server

    def _raise_if_one_ended(self) -> None:
        for task in self._tasks.values():
            if task.done():
                task.result()
                raise RuntimeError(f"the task {task.get_name()} ended, which it never should")

    async def _end(self, addresses: Iterable[Address]) -> None:
        """End the connections to servers that have no slots any more."""
        ending: list[asyncio.Task[Any]] = []
        for address in addresses:
            task = self._tasks.pop(address)
            del self._servers[address]
            task.cancel()
            ending.append(task)
        if ending:
            await asyncio.wait(ending)
