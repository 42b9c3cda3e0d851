"""Scripts run in batches: any number of calls, one round trip.

Nothing here awaits Redis once per message: callers collect what a moment
brought and send it as one batch. All scripts may be repeated, so a batch whose
answer was lost is simply sent again by its caller.
"""

import asyncio
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar

from redis.exceptions import ResponseError

from shared.bus.connection import TIMEOUT_SECONDS, BusUnavailableError, Link
from shared.bus.resp_encoding import Command
from shared.bus.script import Argument, Call
from shared.bus.script_batches import joined, packed_command_of, replies_of
from shared.process import logs

_log = logs.get(__name__)

# Error replies that tell of Redis' condition, not of a bug of ours. At the start of
# the text, or (from within a script, before Redis 7) after a dash.
# https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
_CODES = (
    "LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|BUSY|OOM|MISCONF"
    "|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM"
)
CONDITION = re.compile(rf"(?:^|-)(?:{_CODES})\b")


class Bus:
    """A connection for batches of script calls, opened again when next needed.

    Args:
        url: Redis to use.
        name: Shown by ``CLIENT LIST``.
    """

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._link: Link | None = None
        self._lock = asyncio.Lock()
        self._lost = False
        self._on_regained: list[Callable[[], None]] = []

    @property
    def connected(self) -> bool:
        """Whether the last exchange with Redis went well."""
        return self._link is not None

    def on_reconnected(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` after each reconnect: what was stored may be gone."""
        self._on_regained.append(callback)

    async def run(self, calls: Sequence[Call]) -> list[Any]:
        """Run script calls in one round trip and return their replies in order.

        Raises:
            BusUnavailableError: Redis is away or not fit for writing. Whether the
                scripts ran is then unknown.
            ResponseError: A script has a bug.
        """
        replies = await self.run_each(calls)
        for error in errors_in(replies):
            raise error
        return replies

    async def run_each(self, calls: Sequence[Call]) -> list[Any]:
        """Run script calls like `run`, but return what a call failed with as its reply.

        For what must go on although somebody broke one key of many: the error of a call
        is a `ResponseError` in its place (and in those of calls joined with it).

        Raises:
            BusUnavailableError: As for `run`.
        """
        runs = joined(calls)
        commands = [packed_command_of(run) for run in runs]
        async with self._lock:
            replies = await self._exchange(commands)
            if any(map(_is_no_script, errors_in(replies))):
                replies = await self._again_with_scripts(runs, commands, replies)
        replies = described_each([run[0].script.name for run in runs], replies)
        return [
            one for run, reply in zip(runs, replies, strict=True) for one in replies_of(run, reply)
        ]

    async def command(self, *words: Argument) -> Any:
        """Run one plain command and return its reply.

        Raises:
            BusUnavailableError: As for `run`.
            ResponseError: Redis refused the command.
        """
        (reply,) = await self.commands([words])
        return reply

    async def commands(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run plain commands in one round trip; raises as `command` does."""
        replies = await self.each_of(commands)
        for error in errors_in(replies):
            raise error
        return replies

    async def each_of(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run plain commands like `commands`, but return errors as `run_each` does."""
        async with self._lock:
            replies = await self._exchange(commands)
        return described_each([str(words[0]) for words in commands], replies)

    # What is to be known of the servers, be it one or a cluster.

    is_cluster: ClassVar[bool] = False

    async def on_each_server(self, *words: Argument) -> list[Any]:
        """Run one plain command on every server that is written to; raises as `command` does."""
        return [await self.command(*words)]

    def server_of(self, _key: str) -> Hashable:
        """Return what tells the server that a key lies on from the others, and its clock."""
        return None

    async def times_of(self, keys: Sequence[str]) -> list[int]:
        """Return the time of the server of each key, in µs since 1970; raises as `command` does."""
        seconds, microseconds = await self.command("TIME")
        return [int(seconds) * 1_000_000 + int(microseconds)] * len(keys)

    def tags(self) -> list[str]:
        """Return a hash tag on each server; an empty one where there is one server."""
        return [""]

    async def distrust(self, reason: str) -> None:
        """Give up a connection that works, but not with the server that it should be.

        Raises:
            BusUnavailableError: Always, with the reason.
        """
        async with self._lock:
            await self._lose()
        raise BusUnavailableError(reason)

    async def close(self) -> None:
        """Disconnect. Using the bus again connects again."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _exchange(self, commands: Sequence[Command]) -> list[Any]:
        link = await self._opened()
        try:
            replies = await link.exchange(commands, TIMEOUT_SECONDS + 1e-3 * len(commands))
        except BaseException as error:
            # Also when cancelled: replies would be left over for the next caller.
            await self._lose()
            if isinstance(error, TimeoutError):
                raise BusUnavailableError("Redis does not answer in time") from error
            raise
        if any(map(self._unfit, errors_in(replies))):
            # A replica, a server that is loading: find out anew whom we talk to.
            await self._lose()
        return replies

    def _unfit(self, error: ResponseError) -> bool:
        """Whether a server that says so is one to connect to anew."""
        return _is_condition(error)

    async def _opened(self) -> Link:
        if self._link is None:
            link = Link(self._url, self._name)
            await link.open()
            self._link = link
            if self._lost:
                self._lost = False
                _log.info("redis is back", connection=self._name)
                for callback in self._on_regained:
                    callback()
        return self._link

    async def _lose(self) -> None:
        if not self._lost:
            _log.warning("redis is lost", connection=self._name)
        self._lost = True
        await self.close()

    async def _again_with_scripts(
        self, runs: Sequence[list[Call]], commands: Sequence[Command], replies: list[Any]
    ) -> list[Any]:
        """Load the scripts that Redis does not know (any more) and repeat their calls."""
        missed = [i for i, reply in enumerate(replies) if _is_no_script(reply)]
        texts = dict.fromkeys(runs[i][0].script.text for i in missed)
        await self._exchange([["SCRIPT", "LOAD", text] for text in texts])
        repeated = await self._exchange([commands[i] for i in missed])
        for i, reply in zip(missed, repeated, strict=True):
            replies[i] = reply
        return replies


def errors_in(replies: Sequence[Any]) -> list[ResponseError]:
    """Return the errors among replies, in their order."""
    # For every exchange there is, and hardly ever one: so without a loop in Python. Errors
    # must be of this very class, as `shared.bus.connection` has them made; a subclass is not seen.
    if ResponseError not in map(type, replies):
        return []
    return [reply for reply in replies if isinstance(reply, ResponseError)]


def _is_no_script(reply: Any) -> bool:
    return isinstance(reply, ResponseError) and str(reply).startswith("NOSCRIPT")


def _is_condition(reply: ResponseError) -> bool:
    return CONDITION.search(str(reply)) is not None


def described_each(names: Sequence[str], replies: Sequence[Any]) -> list[Any]:
    """Return replies whose errors say what failed.

    Raises:
        BusUnavailableError: One tells of Redis' condition.
    """
    if not errors_in(replies):
        return list(replies)
    for name, reply in zip(names, replies, strict=True):
        if isinstance(reply, ResponseError) and _is_condition(reply):
            raise BusUnavailableError(f"Redis refuses {name}: {reply}")
    return [
        ResponseError(f"{name}: {reply}") if isinstance(reply, ResponseError) else reply
        for name, reply in zip(names, replies, strict=True)
    ]
