"""What a Redis server is to those who use one here."""

from typing import Protocol


class Redis(Protocol):
    """A Redis server in use: its address, and how we came by it."""

    @property
    def url(self) -> str:
        """The address, as CHARGELIGHT_REDIS_URL takes it."""

    @property
    def description(self) -> str:
        """The way in use and why, for people."""

    @property
    def command_line(self) -> str:
        """How a person starts redis-cli on it."""

    def close(self) -> None:
        """Let go of it for good; one that we started is gone then, with its data."""


class RedisServer(Redis, Protocol):
    """A Redis server of our own, to which we may do anything: what tests of faults need.

    Its address stays the same over stops and starts.
    """

    def start(self) -> None:
        """Start it, and wait until it answers. Does nothing to a running one."""

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way; with `keep_data`, the next start finds everything again."""

    def save(self) -> None:
        """Take a snapshot: the next start finds what is stored now, whatever happens until then.

        With a `kill` later on: a Redis that comes back having missed its last writes.
        """

    def kill(self) -> None:
        """End it at once (SIGKILL); what was not saved is lost."""

    def freeze(self) -> None:
        """Let it hang: connections stay open, nothing answers."""

    def thaw(self) -> None:
        """End the hanging; does nothing to one that does not hang."""
