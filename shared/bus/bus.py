"""The bus: batches of script calls and commands to Redis, each one round trip.

Nothing here awaits Redis once per message: callers collect what a moment brought and
send it as one batch. All scripts may be repeated, so a batch whose reply was lost is
simply sent again by its caller.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from shared.bus.script import Argument, Call


class BusUnavailableError(Exception):
    """Redis cannot be used right now; try again after a while."""


class Writes(Protocol):
    """What is written over one connection, from when this is taken until the connection breaks."""

    async def replicas(self, enough: int, seconds: float) -> int:
        """Wait until so many replicas have all of it, and return how many have.

        After so many seconds they are fewer. Until then nothing else goes over the connection.

        Raises:
            BusUnavailableError: It may be lost, or elsewhere: write it again.
        """


class Bus(Protocol):
    """Connections to Redis, one server or a cluster; opened again when next needed."""

    @property
    def is_cluster(self) -> bool:
        """Whether it leads to a Redis Cluster."""

    @property
    def connected(self) -> bool:
        """Whether the last exchange with each server went well."""

    @property
    def trouble(self) -> BusUnavailableError | None:
        """Why it is not connected, or what Redis refused within the last seconds; else None."""

    def on_reconnected(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each reconnect: what was stored may be gone."""

    async def run(self, calls: Sequence[Call], *, return_errors: bool = False) -> list[Any]:
        """Run script calls in one round trip and return their replies in order.

        Keys of another type are removed, and their calls repeated (`shared.bus.repair.repair`).

        With ``return_errors`` the error of a call is its reply (and that of calls in the same
        run): one that fails must not stop work on the others.

        Raises:
            BusUnavailableError: Redis is away, or a script failed (unless errors are returned).
                Whether the scripts ran is then unknown.
            RefusedError: Redis refuses, for a reason that is not in the call; no call may have
                run to its end.
        """

    async def command(self, *words: Argument) -> Any:
        """Run one plain command and return its reply; raises as `commands` does."""

    async def commands(
        self, commands: Sequence[Sequence[Argument]], *, return_errors: bool = False
    ) -> list[Any]:
        """Run plain commands in one round trip and return their replies in order.

        Keys of another type are removed as by `run`, unless errors are returned: then nothing
        is changed.

        Raises:
            BusUnavailableError: As for `run`.
            ResponseError: Redis refused a command, unless errors are returned.
        """

    async def on_each_server(self, *words: Argument) -> list[Any]:
        """Run a command on every server that takes writes; raises as `commands` does."""

    def server_of(self, key: str) -> Hashable:
        """Return an identity of the server that has a key, as far as is known."""

    def writes_to(self, key: str) -> Writes:
        """Return what stands for all that is written from now on to the server that has a key.

        Raises:
            BusUnavailableError: No server is known.
        """

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        """Return the clock of each key's server, in µs since 1970; raises as `commands` does."""

    def tags(self) -> list[str]:
        """Return a hash tag on each server, as far as they are known; "" where there is one."""

    async def drop_connection(self, reason: str) -> None:
        """Close connections that work, but not to the right server.

        Raises:
            BusUnavailableError: Always, with the reason.
        """

    async def close(self) -> None:
        """Disconnect. Using the bus again connects again."""
