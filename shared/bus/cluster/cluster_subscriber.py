"""Doorbells of a Redis Cluster: each channel is heard where its hash slot is.

Sharded pub/sub (https://redis.io/docs/latest/develop/pubsub/#sharded-pubsub): a message
reaches those who subscribed at the owner of the channel's slot. There is one subscribing
connection per server; a loss of one, or a slot that moves, concerns its channels only.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.cluster.servers import Cluster
from shared.bus.cluster.slots import Address, Redirection, Topology, slot_of
from shared.bus.connection import BusUnavailableError, Link
from shared.bus.subscriber import OnConfirmed, OnMessage, Subscriber
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_LOOK_SECONDS: Final = 0.5
"""How often servers are looked at: whether one is lost, so that others may have its slots."""
_BATCH: Final = 500
"""Channels per SSUBSCRIBE command."""

OnTaken = Callable[[list[str], Address | None], None]
"""Told of channels that are to be heard elsewhere, and where, if that was said."""


class ServerSubscriber(Subscriber):
    """The channels that one server of the cluster has.

    Args:
        url: That server.
        name: Shown by ``CLIENT LIST``.
        address: That server.
        on_message: As for `Subscriber`.
        on_confirmed: As for `Subscriber`.
        on_taken: Told of channels that it does not have any more.
        rng: Jitter of the reconnects.
        clock: Monotonic time in seconds.
    """

    def __init__(
        self,
        url: str,
        name: str,
        address: Address,
        *,
        on_message: OnMessage,
        on_confirmed: OnConfirmed,
        on_taken: OnTaken,
        rng: random.Random,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(
            url, name, on_message=on_message, on_confirmed=on_confirmed, rng=rng, clock=clock
        )
        self._address = address
        self._on_taken = on_taken

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._connected

    @property
    def has_channels(self) -> bool:
        """Whether anything is to be heard there."""
        return bool(self._wanted)

    def forget(self, channels: Iterable[str]) -> None:
        """Hear channels no more that the server does not have any more."""
        for channel in channels:
            self._wanted.discard(channel)
            self._confirmed.discard(channel)

    def _batches(self, commands: list[tuple[str, str]]) -> list[list[str]]:
        # All channels of one command lie in one slot.
        by_slot: dict[int, list[list[str]]] = {}
        for command, channel in commands:
            self._unanswered[channel] += 1
            batches = by_slot.setdefault(slot_of(channel), [])
            sharded = f"S{command}"
            if batches and batches[-1][0] == sharded and len(batches[-1]) <= _BATCH:
                batches[-1].append(channel)
            else:
                batches.append([sharded, channel])
        return [batch for batches in by_slot.values() for batch in batches]

    async def _listen(self, link: Link) -> None:
        confirmed: list[str] = []
        while True:
            replies = await link.receive()
            self._heard_at = self._clock()
            for reply in replies:
                match reply:
                    case [b"smessage", channel, payload]:
                        self._on_message(channel.decode(), payload)
                    case [b"ssubscribe" | b"sunsubscribe" as kind, bytes(channel), _]:
                        if self._answered(channel.decode(), kind.removeprefix(b"s")):
                            confirmed.append(channel.decode())
                    case [b"pong", _] | b"PONG":  # the latter while nothing is subscribed
                        # What was taken away since it was confirmed is not to be read.
                        confirmed = self._ponged([c for c in confirmed if c in self._confirmed])
                    case ResponseError() as error:
                        self._refused(str(error))
                    case _:
                        raise BusUnavailableError(f"unexpected answer from Redis: {reply!r}")

    def _answered(self, channel: str, kind: bytes) -> bool:
        if self._unanswered[channel]:
            return super()._answered(channel, kind)
        del self._unanswered[channel]
        if kind == b"unsubscribe" and channel in self._wanted:
            # Its slot went to another server: said by nobody asked.
            self.forget([channel])
            self._on_taken([channel], None)
        return False

    def _refused(self, error: str) -> None:
        redirection = Redirection.read(error, self._address)
        if redirection is None:
            raise BusUnavailableError(f"Redis refuses a subscription: {error}")
        # An error does not say of which channels it is; of its slot they all are.
        for channel in [c for c in self._unanswered if slot_of(c) == redirection.slot]:
            del self._unanswered[channel]
        taken = [c for c in self._wanted if slot_of(c) == redirection.slot]
        self.forget(taken)
        self._on_taken(taken, redirection.to)


class ClusterSubscriber(Subscriber):
    """A `Subscriber` to a cluster; its arguments are the same, the URL as `Cluster` takes it."""

    def __init__(
        self,
        url: str,
        name: str,
        *,
        on_message: OnMessage,
        on_confirmed: OnConfirmed,
        rng: random.Random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            url, name, on_message=on_message, on_confirmed=on_confirmed, rng=rng, clock=clock
        )
        self._rng = rng
        self._looking = Backoff(0.05, 0.5, rng)
        self._cluster = Cluster(url, name)
        self._cluster.on_changed(self._changed)
        self._servers: dict[Address, ServerSubscriber] = {}
        self._tasks: dict[Address, asyncio.Task[None]] = {}
        self._place: dict[str, Address] = {}
        self._homeless: set[str] = set()
        self._is_doubtful = False
        self._knows_best: Address | None = None
        self._is_running = False

    @property
    def connected(self) -> bool:
        """As `Subscriber.connected`: on all servers."""
        return (
            self._cluster.topology is not None
            and not self._homeless
            and all(server.connected for server in self._servers.values())
        )

    def is_confirmed(self, channel: str) -> bool:
        """As `Subscriber.is_confirmed`."""
        at = self._place.get(channel)
        return at is not None and self._servers[at].is_confirmed(channel)

    def subscribe(self, channels: Iterable[str]) -> None:
        """As `Subscriber.subscribe`."""
        new = {channel for channel in channels if channel not in self._wanted}
        self._wanted |= new
        self._homeless |= new
        self._settle()

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """As `Subscriber.unsubscribe`."""
        for channel in channels:
            self._wanted.discard(channel)
            self._homeless.discard(channel)
            at = self._place.pop(channel, None)
            if at is not None:
                self._servers[at].unsubscribe([channel])

    def distrust(self, reason: str, channel: str | None = None) -> None:
        """As `Subscriber.distrust`; with a channel, only the connection that should hear it."""
        at = self._place.get(channel) if channel is not None else None
        for address, server in self._servers.items():
            if channel is None or address == at:
                server.distrust(reason)

    async def run(self) -> None:
        """As `Subscriber.run`."""
        self._is_running = True
        try:
            while True:
                self._wake.clear()
                self._end_if_one_ended()
                try:
                    await self._find()
                except BusUnavailableError as error:
                    _log.debug("cluster can not be looked at", reason=str(error))
                    await asyncio.sleep(self._looking.delay())
                    continue
                self._looking.reset()
                self._settle()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await self._wake.wait()
        finally:
            self._is_running = False
            self._place.clear()
            self._homeless = set(self._wanted)
            await self._end(list(self._tasks))

    # Where channels are.

    async def _find(self) -> None:
        """Look who has which slot, if there is a reason to."""
        lost = any(s.has_channels and not s.is_open for s in self._servers.values())
        if self._cluster.topology is None or self._is_doubtful or lost:
            self._is_doubtful, first, self._knows_best = False, self._knows_best, None
            try:
                topology = await self._cluster.look(first)
            except BusUnavailableError:
                self._is_doubtful = True
                raise
            await self._end([at for at in self._tasks if at not in topology.masters])

    def _settle(self) -> None:
        """Subscribe to what has no place yet, where it belongs."""
        topology = self._cluster.topology
        if topology is None or not self._is_running:
            return
        by_owner: dict[Address, list[str]] = {}
        for channel in self._homeless:
            owner = topology.owners[slot_of(channel)]
            if owner is not None:
                by_owner.setdefault(owner, []).append(channel)
        for owner, channels in by_owner.items():
            self._server(owner).subscribe(channels)
            self._place.update(dict.fromkeys(channels, owner))
            self._homeless.difference_update(channels)
        if self._homeless:
            self._is_doubtful = True

    def _changed(self, _before: Topology, after: Topology) -> None:
        """Move channels whose slots have another owner."""
        moved: dict[Address, list[str]] = {}
        for channel, at in self._place.items():
            if after.owners[slot_of(channel)] != at:
                moved.setdefault(at, []).append(channel)
        for at, channels in moved.items():
            # Unsubscribed, not forgotten: a server that still has them says so.
            self._servers[at].unsubscribe(channels)
            self._lose_places(channels)
        self._settle()

    def _taken(self, channels: list[str], at: Address, to: Address | None) -> None:
        taken = [channel for channel in channels if self._place.get(channel) == at]
        if not taken:
            return
        self._lose_places(taken)
        if to is not None:
            # Said for sure, and maybe not known to anybody else yet.
            for slot in {slot_of(channel) for channel in taken}:
                self._cluster.moved(slot, to)
            self._settle()
        else:
            self._is_doubtful, self._knows_best = True, at
            self._wake.set()

    def _lose_places(self, channels: Iterable[str]) -> None:
        for channel in channels:
            del self._place[channel]
            self._homeless.add(channel)

    # Servers.

    def _server(self, address: Address) -> ServerSubscriber:
        server = self._servers.get(address)
        if server is None:
            server = self._servers[address] = ServerSubscriber(
                self._cluster.url_of(address),
                self._name,
                address,
                on_message=self._on_message,
                on_confirmed=self._on_confirmed,
                on_taken=lambda channels, to: self._taken(channels, address, to),
                rng=self._rng,
                clock=self._clock,
            )
            task = asyncio.create_task(server.run(), name=f"{self._name} at {address}")
            task.add_done_callback(lambda _: self._wake.set())
            self._tasks[address] = task
        return server

    def _end_if_one_ended(self) -> None:
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
