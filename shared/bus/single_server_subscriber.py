"""The subscribing connection to one Redis server."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.connection import RedisConnection
from shared.bus.connection_metrics import MAIN, ConnectionMetrics
from shared.bus.refusals.refusal import refuse
from shared.bus.resp_encoding import encode_command
from shared.bus.subscriber import Handler
from shared.process import logs
from shared.process.backoff import Backoff
from shared.process.loss_log import LossLog
from shared.process.waiting import wait_for_event

_log = logs.get(__name__)

_PING: Final = encode_command(("PING",))
_PING_SECONDS: Final = 0.5
_SILENCE_SECONDS: Final = 2.0
"""Nothing from Redis for so long, not even a pong: the connection counts as lost."""
_BATCH: Final = 500
"""Channels per SUBSCRIBE command."""


@dataclass(eq=False, repr=False)
class SingleServerSubscriber:
    """A `shared.bus.subscriber.Subscriber` with one connection."""

    # The commands, and what Redis calls its answers to them.
    _SUBSCRIBE: ClassVar[str] = "SUBSCRIBE"
    _UNSUBSCRIBE: ClassVar[str] = "UNSUBSCRIBE"
    _SUBSCRIBED: ClassVar[bytes] = b"subscribe"
    _UNSUBSCRIBED: ClassVar[bytes] = b"unsubscribe"
    _MESSAGE: ClassVar[bytes] = b"message"

    url: str
    name: str
    rng: random.Random
    clock: Callable[[], float] = time.monotonic
    purpose: str = MAIN
    """As its metrics name it."""

    def __post_init__(self) -> None:
        self._metrics = ConnectionMetrics(self.purpose)
        self._backoff = Backoff(0.05, 0.5, self.rng)
        self._heard_at = 0.0
        self._handlers: dict[str, Handler] = {}
        self._confirmed: set[str] = set()
        # Commands in order: only the answer to the last one of a channel counts.
        self._commands: list[tuple[str, str]] = []
        self._unanswered: Counter[str] = Counter()
        self._wake = asyncio.Event()
        self._is_open = False
        self._dropped_because: str | None = None
        self._losses = LossLog(_log, "redis doorbells are lost", "redis doorbells are heard")
        self.trouble: BusUnavailableError | None = None
        """As `Subscriber.trouble`."""

    @property
    def connected(self) -> bool:
        """As `Subscriber.connected`."""
        return self._is_open and self._confirmed >= self._handlers.keys()

    def is_confirmed(self, channel: str) -> bool:
        """As `Subscriber.is_confirmed`."""
        return channel in self._confirmed

    def subscribe(self, channels: Iterable[str], handler: Handler) -> None:
        """As `Subscriber.subscribe`."""
        new = [channel for channel in channels if channel not in self._handlers]
        self._handlers.update(dict.fromkeys(new, handler))
        self._commands += [(self._SUBSCRIBE, channel) for channel in new]
        self._wake.set()

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """As `Subscriber.unsubscribe`."""
        ended = [channel for channel in channels if channel in self._handlers]
        self._forget(ended)
        self._commands += [(self._UNSUBSCRIBE, channel) for channel in ended]
        self._wake.set()

    def drop_connection(self, reason: str, channel: str | None = None) -> None:  # noqa: ARG002
        """As `Subscriber.drop_connection`."""
        self._dropped_because = reason
        self._wake.set()

    async def run(self) -> None:
        """As `Subscriber.run`."""
        while True:
            connection = RedisConnection(self.url, self.name)
            try:
                await connection.open()
                await self._serve(connection)
            except BusUnavailableError as error:
                self.trouble = error
                if self._is_open:
                    self._metrics.on_lost()
                    self._losses.lost(reason=str(error))
            finally:
                self._is_open = False
                self._confirmed.clear()
                self._unanswered.clear()
                await connection.close()
            await asyncio.sleep(self._backoff.delay())

    async def _serve(self, connection: RedisConnection) -> None:
        """Subscribe to all channels and pass on what comes, until the connection fails."""
        self._commands = [(self._SUBSCRIBE, channel) for channel in self._handlers]
        self._wake.set()
        self._heard_at = self.clock()
        # No TaskGroup: before Python 3.11.3 one that ends by an error leaves its task
        # with a cancellation too many, and the next timeout then ends that task.
        both = [
            asyncio.create_task(self._talk(connection), name=f"{self.name} talk"),
            asyncio.create_task(self._listen(connection), name=f"{self.name} listen"),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
        errors = [error for task in both if not task.cancelled() and (error := task.exception())]
        # A bug says more than the loss that it may have led to.
        raise min(errors, key=lambda error: isinstance(error, BusUnavailableError))

    async def _talk(self, connection: RedisConnection) -> None:
        while True:
            if self._dropped_because is not None:
                reason, self._dropped_because = self._dropped_because, None
                raise BusUnavailableError(reason)
            if self.clock() - self._heard_at > _SILENCE_SECONDS:
                raise BusUnavailableError("Redis is silent")
            self._wake.clear()
            # A ping every half second also while subscriptions change: it is what
            # notices a connection whose packets go nowhere.
            commands = [encode_command(tuple(words)) for words in self._take_commands()]
            await connection.send(b"".join([*commands, _PING]))
            await wait_for_event(self._wake, _PING_SECONDS)

    def _take_commands(self) -> list[list[str]]:
        """Return what has to be sent, with many channels per command, all of one slot."""
        commands, self._commands = self._commands, []
        by_slot: dict[int, list[list[str]]] = {}
        for name, channel in commands:
            self._unanswered[channel] += 1
            batches = by_slot.setdefault(self._slot_of(channel), [])
            if batches and batches[-1][0] == name and len(batches[-1]) <= _BATCH:
                batches[-1].append(channel)
            else:
                batches.append([name, channel])
        return [batch for batches in by_slot.values() for batch in batches]

    async def _listen(self, connection: RedisConnection) -> None:
        confirmed: list[str] = []
        while True:
            replies = await connection.receive()
            self._heard_at = self.clock()
            for reply in replies:
                match reply:
                    case [self._MESSAGE, channel, payload]:
                        name = channel.decode()
                        handler = self._handlers.get(name)
                        if handler is not None:  # else it was unsubscribed a moment ago
                            handler.on_message(name, payload)
                    case [self._SUBSCRIBED | self._UNSUBSCRIBED as kind, bytes(channel), _]:
                        if self._on_answer(channel.decode(), kind):
                            confirmed.append(channel.decode())
                    case [b"pong", _] | b"PONG":  # the latter while nothing is subscribed
                        self._on_pong(confirmed)
                        confirmed = []
                    case _:
                        self._on_other_reply(reply)

    def _on_answer(self, channel: str, kind: bytes) -> bool:
        """Note an answer; return whether messages of this channel arrive from now on."""
        if not self._unanswered[channel]:
            self._on_unasked_answer(channel, kind)
            return False
        self._unanswered[channel] -= 1
        if self._unanswered[channel]:
            return False
        del self._unanswered[channel]
        if kind == self._SUBSCRIBED and channel in self._handlers:
            self._confirmed.add(channel)
            return True
        return False

    def _on_pong(self, confirmed: list[str]) -> None:
        """Pass on confirmations.

        Pings follow subscriptions, so their pong ends a batch of confirmations: a handler
        reads once per batch, not per channel.
        """
        if not self._is_open:
            self._is_open = True
            self.trouble = None
            self._backoff.reset()
            self._losses.back(channels=len(self._handlers))
        by_handler: defaultdict[Handler, list[str]] = defaultdict(list)
        for channel in confirmed:
            if channel in self._confirmed:  # else it was unsubscribed since
                by_handler[self._handlers[channel]].append(channel)
        for handler, channels in by_handler.items():
            handler.on_confirmed(channels)

    def _forget(self, channels: Iterable[str]) -> None:
        for channel in channels:
            self._handlers.pop(channel, None)
            self._confirmed.discard(channel)

    # What differs on a server of a cluster.

    def _slot_of(self, _channel: str) -> int:
        """Return what only channels of one command have in common."""
        return 0

    def _on_unasked_answer(self, _channel: str, _kind: bytes) -> None:
        """Redis ended a subscription on its own."""
        raise BusUnavailableError("Redis ended a subscription that is wanted")

    def _on_other_reply(self, reply: Any) -> None:
        """Redis answered something else, an error perhaps.

        Raises:
            BusUnavailableError: Always.
        """
        if isinstance(reply, ResponseError):
            refuse([(self._SUBSCRIBE, str(reply))])
        raise BusUnavailableError(f"unexpected answer from Redis: {reply!r}")
