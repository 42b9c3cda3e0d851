"""The commands that a service sends to Redis, and how to try each without changing anything.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from shared.bus.refusals.refusal import CHANNEL_RIGHT, KEY_RIGHT
from shared.bus.repair.scripts import REPAIR
from shared.bus.script import Argument, Script, name_of
from shared.contract.names import CHECK_CHANNEL, CHECK_KEY, channel_in_slot

_KEY: Final = "KEY"
_CHANNEL: Final = "CHANNEL"

_HARMLESS: Final = {
    name_of(words): words
    for words in (
        line.split()
        # The key never exists, so reads find nothing, removals remove nothing, and additions are
        # those to what exists. HSET has an argument too few, which is found after the rights.
        for line in """
            DEL KEY
            EXISTS KEY
            EXPIRE KEY 1
            GET KEY
            HDEL KEY f
            HEXISTS KEY f
            HGET KEY f
            HGETALL KEY
            HKEYS KEY
            HLEN KEY
            HMGET KEY f
            HSCAN KEY 0
            HSET KEY f v f
            HVALS KEY
            INFO server
            PING
            PTTL KEY
            PUBLISH CHANNEL .
            ROLE
            SCRIPT LOAD return
            SET KEY . XX
            TIME
            TYPE KEY
            XACK KEY g 0-1
            XADD KEY NOMKSTREAM * f v
            XCLAIM KEY g c 0 0-1
            XDEL KEY 0-1
            XGROUP CREATE KEY g 0
            XINFO GROUPS KEY
            XLEN KEY
            XPENDING KEY g
            XRANGE KEY - +
            XREADGROUP GROUP g c STREAMS KEY >
            ZADD KEY XX 0 m
            ZCARD KEY
            ZMSCORE KEY m
            ZRANGE KEY 0 -1
            ZRANGEBYSCORE KEY 0 0
            ZREM KEY m
            ZREMRANGEBYSCORE KEY 0 0
            ZSCORE KEY m
        """.strip().splitlines()
    )
}
_TRIED_ELSEWHERE: Final = ("CLIENT SETNAME", "EVALSHA", "HSETNX")
"""By each connection when it opens, by the scripts, and by comparing settings."""
_SUBSCRIPTIONS: Final = ("SUBSCRIBE", "UNSUBSCRIBE")
_OF_EVERY_SERVICE: Final = (*_TRIED_ELSEWHERE, "HMGET", "INFO", "ROLE", "SCRIPT LOAD", "TIME")
_OF_LISTENERS: Final = ("PING", "PUBLISH", *_SUBSCRIPTIONS)
CLUSTER_RULES: Final = "+asking +cluster|info +cluster|slots +spublish +ssubscribe +sunsubscribe"
"""What a user of a Redis Cluster needs besides, as ``ACL SETUSER`` takes it."""
_CALL: Final = re.compile(r"""p?call\('([A-Z]+)'(?:, '([A-Z]+)')?""")


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of one service's user in Redis.

    Attributes:
        commands: Names of commands: ``HGET``, ``XGROUP CREATE``.
    """

    commands: tuple[str, ...]

    @classmethod
    def of(cls, scripts: Iterable[object], *commands: str, listens: bool) -> Self:
        """Return the rights that a service needs.

        Args:
            scripts: Its scripts, among other things: ``vars(module).values()``.
            commands: What it sends besides, apart from what every service does.
            listens: Whether it subscribes to channels.
        """
        names = {*_OF_EVERY_SERVICE, *commands}
        names.update(_OF_LISTENERS if listens else ())
        for script in (REPAIR, *scripts):
            if isinstance(script, Script):
                names.update(_commands_in(script.text))
        return cls(tuple(sorted(names)))

    @property
    def acl_rules(self) -> str:
        """They as ``ACL SETUSER`` takes them."""
        allowed = " ".join("+" + name.lower().replace(" ", "|") for name in self.commands)
        return f"resetkeys {KEY_RIGHT} resetchannels {CHANNEL_RIGHT} -@all {allowed}"

    def trials(self, tag: str, *, is_cluster: bool) -> list[list[Argument]]:
        """Return a command for each right, which changes nothing, on the server with a tag."""
        key, channel = channel_in_slot(CHECK_KEY, tag), channel_in_slot(CHECK_CHANNEL, tag)
        found: list[list[Argument]] = [["ASKING"]] if is_cluster else []
        for name in self.commands:
            if name in _HARMLESS:
                places = {_KEY: key, _CHANNEL: channel}
                found.append([places.get(word, word) for word in _HARMLESS[name]])
        if "SUBSCRIBE" in self.commands:
            # Neighbours: in between, nothing else is allowed on the connection.
            found += [[f"S{name}" if is_cluster else name, channel] for name in _SUBSCRIPTIONS]
        return found

    def untried(self) -> list[str]:
        """Return the commands that nothing tries at start. A test wants none."""
        tried = {*_HARMLESS, *_TRIED_ELSEWHERE, *_SUBSCRIPTIONS}
        return [name for name in self.commands if name not in tried]


def _commands_in(script: str) -> Iterator[str]:
    for found in _CALL.finditer(script):
        yield name_of([word for word in found.groups() if word is not None])
