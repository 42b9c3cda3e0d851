"""Doorbells: a subscribing connection whose every loss its owner hears of.

Pub/sub loses messages whenever a connection breaks
(https://redis.io/docs/latest/develop/pubsub/#delivery-semantics), so the order
is always: subscribe, wait for Redis' confirmation, then read what is stored.
`Subscriber` tells its owner of each confirmation, the first and every later one.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable

from shared.bus.connection import BusUnavailableError, Link
from shared.process import logs
from shared.process.backoff import Backoff

_log = logs.get(__name__)

_PING_SECONDS = 0.5
_SILENCE_SECONDS = 2.0
"""Nothing from Redis for so long, not even a pong: the connection counts as lost."""
_BATCH = 500
"""Channels per SUBSCRIBE command."""

OnMessage = Callable[[str, bytes], None]
OnConfirmed = Callable[[list[str]], None]


class Subscriber:
    """A set of channels, kept subscribed across every loss of the connection.

    Args:
        url: Redis to use.
        name: Shown by ``CLIENT LIST``.
        on_message: Called with channel and payload of each message. Must not block.
        on_confirmed: Called with channels that Redis confirmed just now, also
            again after each reconnect: now is the time to read what is stored.
        rng: Jitter of the reconnects.
        clock: Monotonic time in seconds.
    """

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
        self._clock = clock
        self._heard_at = 0.0
        self._url = url
        self._name = name
        self._on_message = on_message
        self._on_confirmed = on_confirmed
        self._backoff = Backoff(0.05, 0.5, rng)
        self._wanted: set[str] = set()
        self._confirmed: set[str] = set()
        # Commands in order: only the confirmation of the last one of a channel counts.
        self._commands: list[tuple[str, str]] = []
        self._unanswered: Counter[str] = Counter()
        self._wake = asyncio.Event()
        self._connected = False
        self._distrusted_because: str | None = None

    @property
    def connected(self) -> bool:
        """Whether Redis is connected and every wanted channel confirmed."""
        return self._connected and self._confirmed >= self._wanted

    def subscribe(self, channels: Iterable[str]) -> None:
        """Want channels; those already wanted are left as they are."""
        self._change("SUBSCRIBE", [c for c in channels if c not in self._wanted])

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """No longer want channels."""
        self._change("UNSUBSCRIBE", [c for c in channels if c in self._wanted])

    def distrust(self, reason: str, channel: str | None = None) -> None:  # noqa: ARG002
        """Give up a connection that works, but not as it should, and open it again.

        Args:
            reason: Why, for people.
            channel: What is not heard; with a cluster, on one of the connections.
        """
        self._distrusted_because = reason
        self._wake.set()

    def is_confirmed(self, channel: str) -> bool:
        """Whether messages of this channel reach us right now, as far as we know."""
        return channel in self._confirmed

    def _change(self, command: str, channels: list[str]) -> None:
        if command == "SUBSCRIBE":
            self._wanted.update(channels)
        else:
            self._wanted.difference_update(channels)
            self._confirmed.difference_update(channels)
        self._commands += [(command, channel) for channel in channels]
        self._wake.set()

    async def run(self) -> None:
        """Stay subscribed until cancelled, with a new connection after each loss."""
        while True:
            link = Link(self._url, self._name)
            try:
                await link.open()
                await self._serve(link)
            except BusUnavailableError as error:
                if self._connected:
                    _log.warning("redis doorbells are lost", reason=str(error))
            finally:
                self._connected = False
                self._confirmed.clear()
                self._unanswered.clear()
                await link.close()
            await asyncio.sleep(self._backoff.delay())

    async def _serve(self, link: Link) -> None:
        """Subscribe to all that is wanted and pass on what comes, until the link fails."""
        self._commands = [("SUBSCRIBE", channel) for channel in self._wanted]
        self._wake.set()
        self._heard_at = self._clock()
        # No TaskGroup: before Python 3.11.3 one that ends by an error leaves its task
        # with a cancellation too many, and the next timeout then ends that task.
        both = [
            asyncio.create_task(self._talk(link), name=f"{self._name} talk"),
            asyncio.create_task(self._listen(link), name=f"{self._name} listen"),
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

    async def _talk(self, link: Link) -> None:
        while True:
            if self._distrusted_because is not None:
                reason, self._distrusted_because = self._distrusted_because, None
                raise BusUnavailableError(reason)
            if self._clock() - self._heard_at > _SILENCE_SECONDS:
                raise BusUnavailableError("Redis is silent")
            commands, self._commands = self._commands, []
            self._wake.clear()
            # A ping every half second also while subscriptions change: it is what
            # notices a connection whose packets go nowhere.
            await link.send([*self._batches(commands), ("PING",)])
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PING_SECONDS):
                    await self._wake.wait()

    def _batches(self, commands: list[tuple[str, str]]) -> list[list[str]]:
        batches: list[list[str]] = []
        for command, channel in commands:
            self._unanswered[channel] += 1
            if batches and batches[-1][0] == command and len(batches[-1]) <= _BATCH:
                batches[-1].append(channel)
            else:
                batches.append([command, channel])
        return batches

    async def _listen(self, link: Link) -> None:
        confirmed: list[str] = []
        while True:
            replies = await link.receive()
            self._heard_at = self._clock()
            for reply in replies:
                match reply:
                    case [b"message", channel, payload]:
                        self._on_message(channel.decode(), payload)
                    case [b"subscribe" | b"unsubscribe" as kind, bytes(channel), _]:
                        if self._answered(channel.decode(), kind):
                            confirmed.append(channel.decode())
                    case [b"pong", _] | b"PONG":  # the latter while nothing is subscribed
                        confirmed = self._ponged(confirmed)
                    case _:
                        raise BusUnavailableError(f"unexpected answer from Redis: {reply!r}")

    def _ponged(self, confirmed: list[str]) -> list[str]:
        """Pass on confirmations; return those that are still to be passed on: none.

        Pings follow subscriptions, so their pong ends a batch of confirmations: the owner
        reads once per batch, not per channel.
        """
        if not self._connected:
            self._connected = True
            self._backoff.reset()
            _log.info("redis doorbells are heard", channels=len(self._wanted))
        if confirmed:
            self._on_confirmed(confirmed)
        return []

    def _answered(self, channel: str, kind: bytes) -> bool:
        """Note an answer; True if the channel is wanted and its messages now come."""
        if not self._unanswered[channel]:
            # Redis took the channel away by itself (a slot that moved, say).
            raise BusUnavailableError("Redis ended a subscription that is wanted")
        self._unanswered[channel] -= 1
        if self._unanswered[channel]:
            return False
        del self._unanswered[channel]
        if kind == b"subscribe" and channel in self._wanted:
            self._confirmed.add(channel)
            return True
        return False
