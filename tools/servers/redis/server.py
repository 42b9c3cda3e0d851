"""What code that uses a Redis server knows of it."""

from typing import Protocol

from tools.servers.addresses import without_password


class Redis(Protocol):
    """A Redis server in use: its address, and where it comes from."""

    @property
    def url(self) -> str:
        """The address, as CHARGELIGHT_REDIS_URL takes it."""

    @property
    def admin_url(self) -> str:
        """The same as a user who may do everything; a server that was given has no other user."""

    @property
    def description(self) -> str:
        """The source in use and the reason, for people."""

    def close(self) -> None:
        """End the use of it; one that we started is removed, with its data."""


class GivenRedis:
    """A server that the user runs: never started, stopped or emptied from here."""

    def __init__(self, url: str, why: str) -> None:
        self.url = self.admin_url = url
        self.description = f"{without_password(url)} ({why})"

    def close(self) -> None:
        """Leave it as it is."""


class Harmable(Protocol):
    """What tests do to a server, or to a node of a cluster; its address stays the same."""

    def start(self) -> None:
        """Start it, and wait until it answers. Does nothing to a running one."""

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way; with `keep_data`, the next start loads everything again."""

    def kill(self) -> None:
        """End it at once (SIGKILL); what was not saved is lost."""

    def freeze(self) -> None:
        """Suspend it: connections stay open, nothing answers."""

    def thaw(self) -> None:
        """Resume it; does nothing to one that is not suspended."""


class RedisServer(Redis, Harmable, Protocol):
    """A Redis server of our own."""

    def save(self) -> None:
        """Take a snapshot: the next start loads what is stored now, whatever happens until then.

        With a `kill` later on: a Redis that comes back without its last writes.
        """
