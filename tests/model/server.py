"""The real Redis, asked synchronously: one script call is one step of the model.

What scripts publish is heard on a second connection. A ping sent behind each call says when
everything that the call published has come. What time it is, the model says: scripts read it
from a key instead of Redis' own clock.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple, cast

import redis
from redis.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from shared.bus.script import Argument, Call, Script
from shared.bus.script_batches import command_of, split_replies
from tests.model.clocks import Clocks

_SILENT: Final = {
    "admit",
    "authenticate",
    "clear_pending",
    "find_overdue",
    "mark_all_pending",
    "mark_pending",
    "mark_some_pending",
    "read_status",
    "reconcile",
    "repair",
}
"""Scripts that publish nothing."""
_NOW: Final = "model:now"
"""The only key that is not the hub's: Redis' time, in µs."""
_DUMP: Final = f"""
local found = {{}}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if key ~= '{_NOW}' then
    found[#found + 1] = key
    found[#found + 1] = redis.call('DUMP', key)
  end
end
return found
"""
_REAL_CLOCK: Final = """
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
"""
_MODEL_CLOCK: Final = f"""
  return tonumber(redis.call('GET', '{_NOW}'))
"""


class Message(NamedTuple):
    """What a script published."""

    channel: str
    payload: bytes


class Snapshot(NamedTuple):
    """All keys at one moment, in Redis' own format."""

    values: dict[bytes, bytes]


class Server:
    """A Redis server that is this model's alone."""

    def __init__(self, url: str, clocks: Clocks) -> None:
        self.clocks = clocks
        self._client = redis.Redis.from_url(url)
        self._pool = redis.ConnectionPool.from_url(url, socket_timeout=5, protocol=2)
        self._commands = self._connected()
        self._doorbells = self._connected()
        self._send(self._doorbells, "PSUBSCRIBE", "*")
        self._doorbells.read_response()

    def close(self) -> None:
        self._pool.disconnect()
        self._client.close()

    def run(self, call: Call) -> tuple[Any, list[Message]]:
        self.clocks.tick()
        call = replace(call, script=_with_the_models_clock(call.script))
        words = command_of([call])
        now = ("SET", _NOW, self.clocks.redis_us())
        try:
            _, reply = self.commands([now, words])
        except NoScriptError:
            self.command("SCRIPT", "LOAD", call.script.text)
            _, reply = self.commands([now, words])
        (reply,) = split_replies([[call]], [reply])
        return reply, [] if call.script.name in _SILENT else self._published()

    def command(self, *words: Argument) -> Any:
        (reply,) = self.commands([words])
        return reply

    def commands(
        self, commands: Sequence[Sequence[Argument]], *, return_errors: bool = False
    ) -> list[Any]:
        """Run plain commands in one round trip.

        Raises:
            ResponseError: Redis refuses one of them.
        """
        for words in commands:
            self._send(self._commands, *words)
        replies = [self._reply_to(words) for words in commands]
        for reply in replies:
            if isinstance(reply, ResponseError) and not return_errors:
                raise reply
        return replies

    def _reply_to(self, words: Sequence[Argument]) -> Any:
        try:
            reply = self._commands.read_response()
        except ResponseError as error:
            return error
        if words[0] == "TIME":
            return list(divmod(self.clocks.redis_us(), 1_000_000))
        return reply

    def snapshot(self) -> Snapshot:
        """Remember everything that is stored."""
        values = self.command("EVAL", _DUMP, 0)
        return Snapshot(dict(zip(values[::2], values[1::2], strict=True)))

    def restore(self, snapshot: Snapshot) -> None:
        """Be again as at the moment of a snapshot."""
        restoring = [("RESTORE", key, 0, value) for key, value in snapshot.values.items()]
        self.commands([("FLUSHALL",), *restoring])

    def _connected(self) -> AbstractConnection:
        return cast("AbstractConnection", self._pool.get_connection())

    def _send(self, connection: AbstractConnection, *words: Argument) -> None:
        connection.send_command(*words)  # type: ignore[no-untyped-call]

    def _published(self) -> list[Message]:
        messages: list[Message] = []
        self._send(self._doorbells, "PING")
        while True:
            match self._doorbells.read_response():
                case [b"pmessage", _, channel, payload]:
                    messages.append(Message(channel.decode(), payload))
                case [b"pong", _]:
                    return messages
                case other:
                    raise ResponseError(f"unexpected: {other!r}")


@cache
def _with_the_models_clock(script: Script) -> Script:
    text = script.text.replace(_REAL_CLOCK, _MODEL_CLOCK)
    assert "'TIME'" not in text, f"{script.name} has a clock of its own"
    sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return replace(script, text=text, sha=sha)
