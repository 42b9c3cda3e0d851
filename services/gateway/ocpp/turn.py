"""What one message of a charger, or one moment, leads to."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Now(NamedTuple):
    """The present, by two clocks."""

    clock: float
    """In seconds, by the connection context's clock."""
    utc: float
    """In seconds since 1970."""


class Reading(NamedTuple):
    """A state of charge to store."""

    connector: int
    """From 1 to 99 (`shared.contract.connectors`)."""
    level: float
    """In percent."""
    sampled_at: float
    """When, by the context's clock: what `received_at` is to our own dialect's readings."""


class CommandDue(NamedTuple):
    """An operator's command whose turn it is."""

    command_id: str
    deadline: int
    """When it is not sent any more, in µs of Redis' time."""


class CommandAnswer(NamedTuple):
    """What a charger answered to an operator's command."""

    command_id: str
    payload: bytes | None
    """The charger's result, as JSON; None: there is none."""
    error: str = ""
    """Why there is none."""


@dataclass(slots=True)
class Turn:
    """What is to do. Replies first, then calls: a charger waits for its answer before it answers.

    Attributes:
        replies: Frames that are due now.
        receipts: Frames that are due once `readings` and `transactions` are stored, and all that
            was said before them.
        readings: At most one per connector.
        calls: Frames of the hub's own; at most one.
        due: Commands to send if they still may be; at most one.
        transactions: What to store as the charger's transactions, if that changed.
        results: Answers to commands.
        answered: Which call of the hub this message answers; 0: none. What comes after it was
            sent after that call, as with a pong.
        bad: Why the message counts as a bad one; empty if it does not.
        has_news: Whether `explain` has something new to show.
    """

    replies: list[bytes] = field(default_factory=list)
    receipts: list[bytes] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    calls: list[bytes] = field(default_factory=list)
    due: list[CommandDue] = field(default_factory=list)
    transactions: bytes | None = None
    results: list[CommandAnswer] = field(default_factory=list)
    answered: int = 0
    bad: str = ""
    has_news: bool = False
