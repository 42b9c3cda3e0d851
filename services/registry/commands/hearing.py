"""Hearing what comes of one command: subscribed before it is sent, and only for as long."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from services.registry.errors import CommandNotSentError
from shared.bus.bus import BusUnavailableError
from shared.bus.refusals.refusal import RefusedError
from shared.bus.subscriber import Subscriber
from shared.contract.charger_commands import CommandResult, decode_command_result
from shared.contract.tolerant_json import NOT_DECODABLE
from shared.process import logs
from shared.process.waiting import end_task

_log = logs.get(__name__)

_CONFIRMED_SECONDS: Final = 3.0
_TIDY_SECONDS: Final = 1.0


class Result:
    """What came of a command, once it is known: a handler of its channel."""

    def __init__(self, command_id: str) -> None:
        self._command_id = command_id
        self._found = asyncio.get_running_loop().create_future()
        self.confirmed = asyncio.Event()

    def on_message(self, channel: str, payload: bytes) -> None:  # noqa: ARG002 - it has only one
        """Take a result, if it is this command's."""
        try:
            result = decode_command_result(payload)
        except NOT_DECODABLE:
            return  # anything can be published with redis-cli
        if result.id == self._command_id and not self._found.done():
            self._found.set_result(result)

    def on_confirmed(self, channels: list[str]) -> None:  # noqa: ARG002 - it has only one
        """From now on results arrive."""
        self.confirmed.set()

    async def wait(self, seconds: float, stopping: asyncio.Event) -> CommandResult | None:
        """Return the result; None: it did not come in time, or the registry stops."""
        stopped = asyncio.create_task(stopping.wait(), name="wait for the end")
        try:
            await asyncio.wait(
                {self._found, stopped}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopped.cancel()
        return self._found.result() if self._found.done() else None


def not_allowed(refusal: RefusedError) -> CommandNotSentError:
    """Return what is said where Redis refuses what commands need."""
    _log.warning("redis refuses commands to chargers", reason=str(refusal))
    return CommandNotSentError(
        "Redis does not let this registry send commands: its user there has the rights of an older "
        "version (deploy/redis/users.acl). Nothing was sent"
    )


@contextlib.asynccontextmanager
async def hearing(
    new_subscriber: Callable[[], Subscriber], channel: str, command_id: str
) -> AsyncIterator[Result]:
    """Hear what comes of a command while the context is open.

    Raises:
        BusUnavailableError: Redis is away.
        CommandNotSentError: Redis refuses it.
    """
    result, subscriber = Result(command_id), new_subscriber()
    subscriber.subscribe([channel], result)
    task = asyncio.create_task(subscriber.run(), name="hear what comes of a command")
    try:
        try:
            async with asyncio.timeout(_CONFIRMED_SECONDS):
                await result.confirmed.wait()
        except TimeoutError as error:
            if isinstance(trouble := subscriber.trouble, RefusedError):
                raise not_allowed(trouble) from error
            raise BusUnavailableError(str(trouble or "Redis does not answer in time")) from error
        yield result
    finally:
        await end_task(task, _TIDY_SECONDS)
