"""Calls of the hub to a charger: one at a time, the others in a short queue."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from services.gateway.ocpp.frames import Answer, encode_call

ANSWER_SECONDS: Final = 30.0
"""How long to wait for an answer."""
MOST_QUEUED: Final = 8


class HubCall(NamedTuple):
    """A call to send."""

    action: str
    payload: bytes
    purpose: Literal["ask", "trigger", "state", "command"]
    connector: int = 0
    """That is asked for its level, by the hub or an operator; 0: none."""
    command_id: str = ""
    """Of an operator's command."""
    deadline: int = 0
    """Of the same: when it is not sent any more, in µs of Redis' time."""


class Outcome(NamedTuple):
    """What became of a call."""

    call: HubCall
    number: int
    """Of the call, counted from 1."""
    payload: bytes | None
    """The result; None: there is none."""
    error: str = ""
    """The charger's code of an error, or why there is no answer."""


class _Outstanding(NamedTuple):
    call: HubCall
    sent_at: float


@dataclass(slots=True)
class Calls:
    """The call that is not answered yet, and those that wait for it.

    Attributes:
        newest: How many calls were sent; also the id of the newest one.
    """

    newest: int = 0
    _outstanding: _Outstanding | None = None
    _queue: deque[HubCall] = field(default_factory=deque)

    @property
    def has_room(self) -> bool:
        """Whether another call may be added."""
        return len(self._queue) < MOST_QUEUED

    @property
    def is_idle(self) -> bool:
        """Whether there is no call."""
        return self._outstanding is None and not self._queue

    @property
    def overdue_at(self) -> float | None:
        """When the outstanding call is given up; None: there is none."""
        return None if self._outstanding is None else self._outstanding.sent_at + ANSWER_SECONDS

    def add(self, call: HubCall) -> bool:
        """Put a call into the queue; return whether there was room."""
        if not self.has_room:
            return False
        self._queue.append(call)
        return True

    def send(self, now: float) -> tuple[HubCall, bytes] | None:
        """Return the next call and its frame, if one may be sent now."""
        if self._outstanding is not None or not self._queue:
            return None
        call = self._queue.popleft()
        self.newest += 1
        self._outstanding = _Outstanding(call, now)
        return call, self._frame_of(call)

    def send_command(self, command_id: str, now: float) -> tuple[HubCall, bytes] | None:
        """Return a command whose turn it is, and its frame; None: it was given up.

        The wait for its answer begins now.
        """
        outstanding = self._outstanding
        if outstanding is None or outstanding.call.command_id != command_id:
            return None
        self._outstanding = outstanding._replace(sent_at=now)
        return outstanding.call, self._frame_of(outstanding.call)

    def withdraw(self, command_id: str) -> None:
        """Give up a command whose turn it is, as it may not be sent."""
        if self._outstanding is not None and self._outstanding.call.command_id == command_id:
            self._outstanding = None

    def _frame_of(self, call: HubCall) -> bytes:
        return encode_call(str(self.newest), call.action, call.payload)

    def on_answer(self, answer: Answer) -> Outcome | None:
        """Take an answer; None if it belongs to no call."""
        if self._outstanding is None or answer.id != str(self.newest):
            return None
        call, self._outstanding = self._outstanding.call, None
        return Outcome(call, self.newest, answer.payload, answer.error)

    def expire(self, now: float) -> Outcome | None:
        """Give up the outstanding call if it is overdue; an answer is then ignored."""
        overdue_at = self.overdue_at
        if self._outstanding is None or overdue_at is None or now < overdue_at:
            return None
        call, self._outstanding = self._outstanding.call, None
        return Outcome(call, self.newest, None, f"no answer in {ANSWER_SECONDS:.0f} s")
