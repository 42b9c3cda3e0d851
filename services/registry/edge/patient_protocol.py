"""A connection of the HTTP server that waits for its client only for so long.

uvicorn ends idle connections, but one that sends a byte now and then it keeps for ever, before a
head as behind an answer; and it has no limit of connections, only one of requests. Nor does it
know those that are at their TLS handshake: `Entrance` makes this object before that. And it begins
with each request at once.
"""

import asyncio
import contextlib
import time
from asyncio import Transport
from enum import IntEnum
from functools import partial
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from services.registry.edge.strangers import Strangers

HEAD_SECONDS: Final = 10.0
"""How long the head of a request may take, with all that comes before it on a new connection; also
the rest of a body that was answered already."""

TAKE_SECONDS: Final = 30.0
"""How long a client may read nothing of its answer."""

_MOST_WAITING_BYTES: Final = 64 * 1024
"""Of a request that waits; more is not read before its turn."""

_MOST_LOOKS: Final = 8
"""At so many is looked to find one that waits for a head; with all, a flood would be dear."""

_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 32\r\n\r\ntoo many connections, try again\n"
)


class Stage(IntEnum):
    """What a connection waits for; those with the least go first where there are too many."""

    HEAD = 0
    BODY = 1
    ANSWER = 2


class PatientProtocol(H11Protocol):
    """Ends a connection when it has waited too long, or another one needs its place.

    Args:
        max_connections: How many there may be.
        strangers: Makes requests without a valid API key wait; None: no key is needed.
        by_age: All of one server, those that have waited longest for a head first.
        options: uvicorn's own.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        strangers: Strangers | None = None,
        by_age: "dict[PatientProtocol, None] | None" = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._api = self.app
        self._max_connections = max_connections
        self._by_age = {} if by_age is None else by_age
        self._strangers = strangers
        self._is_waiting = False
        """Whether what came is a request that waits for its turn."""
        self.since = time.monotonic()
        """When it was accepted, or when the last answer was complete."""
        self.source: str | None = None
        """The client's address, as a balancer told it; None: the other end is the client."""
        self._entering: asyncio.Task[None] | None = None
        self._unread_since: float | None = None

    def enter(self, task: asyncio.Task[None]) -> None:
        """Take a place, if need be of one that only waits for its client.

        Args:
            task: Is cancelled if the connection ends before it is made.
        """
        self._entering = task
        self.connections.add(self)
        self._by_age[self] = None
        self._make_room()

    def leave(self) -> None:
        """Give the place up; may be repeated."""
        self.connections.discard(self)
        self._by_age.pop(self, None)

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Take the connection: it has passed its TLS handshake, if there is one."""
        self._entering = None
        super().connection_made(transport)
        self._by_age.setdefault(self)
        if self.source is not None:
            self.client = self.source, 0
        if not self._make_room():
            self._refuse()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._is_waiting = False
        self.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; of a request that waits only so much."""
        super().data_received(data)
        if self._is_waiting and len(self.conn.trailing_data[0]) > _MOST_WAITING_BYTES:
            self.flow.pause_reading()

    def handle_events(self) -> None:
        """Handle what came, but a request only when it has its turn."""
        self._skip_rest_of_body()
        if not self._is_waiting and not self._must_wait():
            super().handle_events()

    def _skip_rest_of_body(self) -> None:
        """Skip what comes of a body whose request is answered already.

        uvicorn would do that too, but begin at once with a request that comes behind it.
        """
        with contextlib.suppress(h11.RemoteProtocolError):  # uvicorn meets it again, and says so
            while self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY:
                event = self.conn.next_event()
                if event is h11.NEED_DATA:
                    return
                if isinstance(event, h11.EndOfMessage):
                    self.flow.resume_reading()
                    self.conn.start_next_cycle()

    def _must_wait(self) -> bool:
        """Tell whether a request begins that must wait, and have it wait."""
        strangers = self._strangers
        if strangers is None or self.conn.their_state is not h11.IDLE:
            return False
        is_stranger = strangers.is_one(self.conn.trailing_data[0])
        self.app = partial(strangers.serve, self._api) if is_stranger else self._api
        if not is_stranger or strangers.take():
            return False
        self._is_waiting = True
        address = self.client[0] if self.client else ""
        if not strangers.wait(address, self._begin):
            self._refuse()
        return True

    def _begin(self) -> bool:
        """Begin with the request that waits; tell whether its client is still there."""
        if not self._is_waiting or self.transport.is_closing():
            return False
        self._is_waiting = False
        super().handle_events()
        return True

    def _refuse(self) -> None:
        self.transport.write(_FULL)
        self.transport.close()

    def _make_room(self) -> bool:
        """End another one if there are too many; tell whether there is room now."""
        if len(self.connections) <= self._max_connections:
            return True
        last = self._found_waiting() or self._least_served()
        if last.stage is Stage.ANSWER:
            return False
        # Not after the rest of its answer: it would wait beside those that are counted.
        last.end(patience=0.0)
        return True

    def _found_waiting(self) -> "PatientProtocol | None":
        """Return the one that has waited longest for a head, if it is found at once.

        Those looked at that do not wait count as the newest from then on.
        """
        by_age = self._by_age
        for _ in range(min(_MOST_LOOKS, len(by_age))):
            oldest = next(iter(by_age))
            if oldest is not self and oldest.stage is Stage.HEAD:
                return oldest
            by_age[oldest] = by_age.pop(oldest)
        return None

    def _least_served(self) -> "PatientProtocol":
        others = (each for each in self.connections if each is not self)
        found = [each for each in others if isinstance(each, PatientProtocol)]
        return min(found, key=lambda each: (each.stage, each.since))

    @property
    def is_entering(self) -> bool:
        """Whether it has not been made yet."""
        return self._entering is not None

    @property
    def stage(self) -> Stage:
        """What it waits for."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is None or cycle.response_complete:
            return Stage.HEAD
        return Stage.BODY if cycle.more_body else Stage.ANSWER

    def check(self, now: float) -> None:
        """End the connection if it has waited for too long; ``now`` on the monotonic clock."""
        waited = now - self.since if self.stage is Stage.HEAD else 0.0
        unread = now - self._unread_since if self._unread_since is not None else 0.0
        if unread > TAKE_SECONDS:
            self.transport.abort()
        elif waited > HEAD_SECONDS:
            self.end()

    def end(self, patience: float | None = None) -> None:
        """End the connection, once what was written has left.

        Args:
            patience: How long that may take (s); None: 30 s.
        """
        self.leave()
        if self._entering is not None:
            self._entering.cancel()
            return
        self.transport.close()
        # Nobody counts it any more: it must not wait for its client for ever, and with nothing to
        # write not even for the client's close_notify in TLS.
        if patience is None:
            patience = TAKE_SECONDS if self.transport.get_write_buffer_size() else 0.0
        self.loop.call_later(patience, self.transport.abort)

    def shutdown(self) -> None:
        """End the connection because the server stops: after the answer, if one is due."""
        if self.stage is Stage.HEAD:
            self.end()
        else:
            super().shutdown()

    def on_response_complete(self) -> None:
        """Wait for the next head."""
        self.since = time.monotonic()
        if self in self._by_age:
            self._by_age[self] = self._by_age.pop(self)
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self._unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        """Note that the client reads."""
        self._unread_since = None
        super().resume_writing()
