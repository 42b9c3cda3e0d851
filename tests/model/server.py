"""The real Redis, asked synchronously: one script call is one step of the model.

What scripts publish is heard on a second connection. A ping sent behind each call says when
everything that the call published has come.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import redis
from redis.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from shared.bus.script import Argument, Call
from shared.bus.script_batches import command_of, split_replies

_SILENT: Final = {
    "admit",
    "clear_pending",
    "find_overdue",
    "mark_all_pending",
    "read_status",
    "reconcile",
}
"""Scripts that publish nothing."""
_DUMP: Final = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  found[#found + 1] = key
  found[#found + 1] = redis.call('DUMP', key)
end
return found
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

    def __init__(self, url: str) -> None:
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
        words = command_of([call])
        try:
            reply = self.command(*words)
        except NoScriptError:
            self.command("SCRIPT", "LOAD", call.script.text)
            reply = self.command(*words)
        (reply,) = split_replies([[call]], [reply])
        return reply, [] if call.script.name in _SILENT else self._published()

    def command(self, *words: Argument) -> Any:
        (reply,) = self.commands([words])
        return reply

    def commands(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run plain commands in one round trip."""
        for words in commands:
            self._send(self._commands, *words)
        return [self._commands.read_response() for _ in commands]

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
