"""What code that uses a Postgres server knows of it."""

from typing import Protocol

from tools.servers.addresses import without_password


class Postgres(Protocol):
    """A Postgres server in use: its address, and where it comes from."""

    @property
    def dsn(self) -> str:
        """The address of its first database, as CHARGELIGHT_POSTGRES_DSN takes it."""

    @property
    def admin_dsn(self) -> str:
        """The same as a superuser; of a server that was given, as the user that was given."""

    @property
    def description(self) -> str:
        """The source in use and the reason, for people."""

    def close(self) -> None:
        """End the use of it; one that we started is removed, with its data."""


class GivenPostgres:
    """A Postgres server that the user runs: never started or stopped from here."""

    def __init__(self, dsn: str, why: str) -> None:
        self.dsn = self.admin_dsn = dsn
        self.description = f"{without_password(dsn)} ({why})"

    def close(self) -> None:
        """Leave it as it is."""


class PostgresServer(Postgres, Protocol):
    """A Postgres server of our own, which tests of faults may harm.

    Its address and its data stay the same over stops and starts.
    """

    def start(self) -> None:
        """Start it, and wait until it takes connections. Does nothing to a running one."""

    def stop(self) -> None:
        """Stop it in an orderly way; open connections are ended."""

    def kill(self) -> None:
        """End it at once, as a crash would; the next start recovers from it."""
