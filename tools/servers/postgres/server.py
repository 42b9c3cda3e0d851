"""What a Postgres server is to those who use one here."""

from typing import Protocol


class Postgres(Protocol):
    """A Postgres server in use: its address, and how we came by it."""

    @property
    def dsn(self) -> str:
        """The address of its first database, as CHARGELIGHT_POSTGRES_DSN takes it.

        The user in there may create databases.
        """

    @property
    def description(self) -> str:
        """The way in use and why, for people."""

    def close(self) -> None:
        """Let go of it for good; one that we started is gone then, with its data."""


class PostgresServer(Postgres, Protocol):
    """A Postgres server of our own, to which we may do anything: what tests of faults need.

    Its address and its data stay the same over stops and starts.
    """

    def start(self) -> None:
        """Start it, and wait until it takes connections. Does nothing to a running one."""

    def stop(self) -> None:
        """Stop it in an orderly way; open connections are ended."""

    def kill(self) -> None:
        """End it at once, as a crash would; the next start recovers from it."""
