"""Reading from one device: a little at once, no faster than it may send, or not for a while.

Nothing is read that may not be parsed. Whatever else a device sends stays in the kernel,
and TCP slows the device down.
"""

import asyncio
from dataclasses import dataclass, field
from enum import IntFlag
from typing import Final

from services.gateway import metrics
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.tls_layer import holds_unread, tls_object_of
from services.gateway.kernel import address_of, seconds_since_last_data, unread_bytes

FRAME_BYTES: Final = 26
"""What a frame, or a piece of one, costs beyond its bytes.

An empty frame is 6 bytes and costs as much CPU as a reading of 50: by bytes alone a flood
of pings would get twelve times the CPU of one of readings.
"""
PIECE_BYTES: Final = 1024
"""Most that is read, and so parsed, at once: a millisecond of CPU if it is all empty pings."""
# One for all connections: what is read into it is taken out before another one is read from.
READ_BUFFER: Final = memoryview(bytearray(PIECE_BYTES))
_NOBODY: Final = asyncio.BufferedProtocol()


class Pause(IntFlag):
    """Why a device is not read from."""

    UNANSWERED = 1
    """Its handshake is not answered yet."""
    UNREAD = 2
    """It does not read what it is sent."""
    TOO_FAST = 4
    """It sends faster than it may."""


@dataclass(slots=True, eq=False, repr=False)
class RateLimitedReader:
    """Pauses and resumes reading from one device; it lasts as long as the transport.

    A token bucket that only the clock refills, in the form of the generic cell rate
    algorithm ("virtual scheduling", ITU-T I.371 annex A): what is kept is not a level but
    the time at which the bucket will be full again. One piece may overdraw it; reading then
    pauses until the debt is paid.
    """

    context: ConnectionContext
    transport: asyncio.Transport
    told_address: str = ""
    """The device's, if a balancer told it."""
    own_address: str = ""
    """The device's, if it is certain that it is no balancer's."""
    due: int = 0
    is_tls: bool = field(init=False)
    """Whether a TLS layer lies between the socket and what is read."""
    unread_since: float | None = field(init=False)
    """Since when bytes may lie unread in the socket; None: it was empty when last read."""
    _full_at: float = 0.0
    _over_since: float | None = None
    _paused: Pause = Pause(0)  # noqa: RUF009 - it never changes

    def __post_init__(self) -> None:
        # They may have come while the connection waited to be accepted.
        self.unread_since = self.context.wheel.earlier_tick
        # It does not change; with each piece it would be asked for again.
        self.is_tls = tls_object_of(self.transport) is not None

    @property
    def arrived_at(self) -> float:
        """When bytes that are read now reached this machine at the earliest.

        A lower bound: a process that stood still reads at once what came in all that time.
        """
        since = self.unread_since
        return self.context.wheel.earlier_tick if since is None else since

    def note_read(self, size: int) -> None:
        """Note that ``size`` bytes were read, and handled: fewer than asked for are all."""
        # The TLS layer takes from the socket what it likes, so a short piece tells nothing there.
        if size == PIECE_BYTES or self._paused or (self.is_tls and self.has_unread):
            self.unread_since = self.arrived_at
        else:
            self.unread_since = None

    def spend(self, size: int, frames: int, now: float) -> float:
        """Take what was read (``size`` in bytes) from the bucket; pause if that was too much.

        Returns:
            For how many seconds the device has been sending too fast, without half of the
            bucket filling up in between; 0 if it may go on.
        """
        seconds_per_byte, burst_seconds = self.context.allowance
        full_at = self._full_at
        left_at = full_at if full_at > now else now  # noqa: FURB136 - in half the time of max()
        if self._over_since is not None and left_at - now < burst_seconds / 2:
            self._over_since = None
        self._full_at = full_at = left_at + (size + FRAME_BYTES * frames) * seconds_per_byte
        if full_at - now <= burst_seconds:
            return 0.0
        if self._over_since is None:
            self._over_since = now
        metrics.SLOWED.inc()
        self.pause(Pause.TOO_FAST)
        self.context.pauses.schedule(self, self.paused_until)
        return now - self._over_since

    @property
    def paused_until(self) -> float:
        """Until when nothing more may be read (by the context's clock); it may have passed."""
        return self._full_at - self.context.allowance.burst_seconds

    def on_timer(self, now: float) -> None:  # noqa: ARG002 - the wheel says it to all
        """Read again: the pause is over."""
        self.resume(Pause.TOO_FAST)

    def is_paused(self, why: Pause) -> bool:
        """Whether this is a reason not to read."""
        return why in self._paused

    def pause(self, why: Pause) -> None:
        """Read no more, until `resume` is called with the same reason."""
        if not self._paused and not self.transport.is_closing():
            self.transport.pause_reading()
        self._paused |= why
        self.unread_since = self.arrived_at

    def resume(self, why: Pause) -> None:
        """Read again, unless there is another reason not to."""
        if why in self._paused:
            self._paused &= ~why
            if not self._paused and not self.transport.is_closing():
                self.transport.resume_reading()

    @property
    def address(self) -> str:
        """The device's address without its port, or that of a balancer that does not tell it."""
        return self.told_address or address_of(self.transport)

    @property
    def certificate(self) -> bytes | None:
        """The device's certificate in DER, if it presented one."""
        tls = tls_object_of(self.transport)
        return None if tls is None else tls.getpeercert(binary_form=True)

    @property
    def has_unread(self) -> bool:
        """Whether something that arrived was not read, or may not have been."""
        in_socket = unread_bytes(self.transport.get_extra_info("socket"))
        return in_socket > 0 or holds_unread(self.transport)

    def break_cycle(self) -> None:
        """Break the cycle of transport and protocol that a TLS layer keeps after its end.

        For the same reason as `DeviceProtocol.break_cycle`.
        """
        if self.is_tls:
            self.transport.set_protocol(_NOBODY)

    def heard_ago(self) -> float:
        """Return how long ago the device's last bytes reached this machine, in seconds.

        They may have waited in the kernel while this process did not run: what is read
        now need not be what the device says now.
        """
        return seconds_since_last_data(self.transport.get_extra_info("socket"))
