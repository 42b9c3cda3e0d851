"""The rights that a service's user needs in Redis, as rules of an ACL.

The commands come from the service's scripts, the keys and channels from the map of names.
https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from shared.bus.repair.scripts import REPAIR
from shared.bus.script import Script, name_of
from shared.contract.names import (
    AGREEMENTS,
    ALL_KEYS,
    CHECK_CHANNEL,
    CHECK_KEY,
    HUB_KEYS,
    Access,
    key_pattern,
)

_IN_SELECTORS: Final = frozenset({"DEL", "EVALSHA", "HDEL", "HSETNX", "SUBSCRIBE", "UNSUBSCRIBE"})
"""Each command is allowed in one place, so that it is clear which rule is missing."""
_OF_EVERY_SERVICE: Final = (
    *("CLIENT SETNAME", "DISCARD", "EVALSHA", "HMGET", "HSETNX", "INFO", "MULTI", "PUBLISH"),
    *("ROLE", "SCRIPT LOAD", "TIME"),
)
_OF_LISTENERS: Final = ("PING", "SUBSCRIBE", "UNSUBSCRIBE")
_OF_CLUSTERS: Final = "+asking +cluster|info +cluster|slots +spublish"
_CALL: Final = re.compile(r"""p?call\('([A-Z]+)'(?:, '([A-Z]+)')?""")

CHECK_KEY_RULE: Final = f"~{CHECK_KEY}*"
HUB_RULE: Final = f"~{HUB_KEYS}"
"""Nobody tries it, nor the commands that only this needs."""
CHECK_CHANNEL_RULE: Final = f"&{CHECK_CHANNEL}*"
SCRIPTS_RULE: Final = f"(+evalsha ~{ALL_KEYS})"
"""Redis asks for every right on all keys of a script, also on those that it only reads. What
the script does to them is checked command by command."""


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of one service's user in Redis.

    Attributes:
        access: Its keys and channels.
        commands: Names of commands: ``HGET``, ``XGROUP CREATE``.
        reporting: Those on the keys that tell how instances are, and for what the service only
            overhears. Nobody tries them: a service that lacks them only does not say how it is,
            or hears of changes later.
    """

    access: Access
    commands: tuple[str, ...]
    reporting: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        access: Access,
        scripts: Iterable[object],
        *commands: str,
        reporting: Iterable[object] = (),
    ) -> Self:
        """Return the rights that a service needs.

        Args:
            access: What the map of names says of it.
            scripts: Its scripts, among other things: ``vars(module).values()``.
            commands: What it sends besides, apart from what every service does.
            reporting: Scripts on the keys that tell how instances are, likewise.
        """
        names = {*_OF_EVERY_SERVICE, *commands, *_commands_of((REPAIR, *scripts))}
        names.update(_OF_LISTENERS if access.hears else ())
        beside = set(_commands_of(reporting))
        if beside:
            beside.update(_commands_of((REPAIR,)))
        beside.update(_OF_LISTENERS if access.may_hear else ())
        return cls(access, tuple(sorted(names)), tuple(sorted(beside)))

    def rules(self, *, is_cluster: bool = False) -> tuple[str, ...]:
        """Return the rules as ``ACL SETUSER`` takes them, from Redis 7 on.

        Rules in parentheses are selectors: a command is allowed if one of them allows all of
        it, or the rules before them do.
        """
        of_cluster = _OF_CLUSTERS.split() if is_cluster else ()
        names = (name for name in self._all_commands if name not in _IN_SELECTORS)
        selectors = (SCRIPTS_RULE, self.removing_rule, self.agreeing_rule, self.hearing_rule)
        return (
            *("resetkeys", *self.reading_rules.values(), *self.writing_rules.values()),
            *(*self._hub_rules, CHECK_KEY_RULE, "resetchannels", *self.publishing_rules),
            *self.telling_rules,
            *("-@all", *map(command_rule, names), *of_cluster, "clearselectors"),
            *(_sharded(rule) if is_cluster else rule for rule in selectors if rule),
        )

    def flat_rules(self) -> tuple[str, ...]:
        """Return them for Redis 6.2: it has no selectors, and reading is not apart from writing."""
        access = self.access
        parts = dict.fromkeys((*access.reads, *access.writes, *access.removes, "agreements"))
        heard = _channel_rules((*access.hears, *access.may_hear))
        channels = dict.fromkeys((*self.publishing_rules, *self.telling_rules, *heard))
        keys = (f"~{key_pattern(part)}" for part in parts)
        return (
            *("resetkeys", *keys, *self._hub_rules, CHECK_KEY_RULE),
            *("resetchannels", *channels),
            *("-@all", *map(command_rule, self._all_commands)),
        )

    @property
    def _all_commands(self) -> list[str]:
        return sorted({*self.commands, *self.reporting})

    @property
    def _hub_rules(self) -> list[str]:
        return [HUB_RULE] if self.reporting else []

    @property
    def reading_rules(self) -> dict[str, str]:
        """The rules on keys that are only read, by the keys' patterns."""
        return {key: f"%R~{key}" for key in (*map(key_pattern, self.access.reads), AGREEMENTS)}

    @property
    def writing_rules(self) -> dict[str, str]:
        """The rules on keys that are written, likewise."""
        return {key: f"~{key}" for key in map(key_pattern, self.access.writes)}

    @property
    def publishing_rules(self) -> list[str]:
        """The rules on channels to publish on."""
        return [*_channel_rules(self.access.publishes), CHECK_CHANNEL_RULE]

    @property
    def telling_rules(self) -> list[str]:
        """The same of channels on which nothing depends."""
        return _channel_rules(self.access.may_publish)

    @property
    def untried_rules(self) -> list[str]:
        """The rules that nobody tries: the service does its work without them."""
        beside = set(self.reporting) - set(self.commands) - _IN_SELECTORS
        hearing = [] if self.access.hears else [self.hearing_rule]
        rules = [*self._hub_rules, *self.telling_rules, *map(command_rule, sorted(beside))]
        return [*rules, *filter(None, hearing)]

    @property
    def removing_rule(self) -> str:
        """The selector of keys that it may remove, or members of them."""
        parts = dict.fromkeys((*self.access.writes, *self.access.removes))
        keys = (*(f"~{key_pattern(part)}" for part in parts), *self._hub_rules)
        return f"(+del +hdel {CHECK_KEY_RULE} {' '.join(keys)})"

    @property
    def agreeing_rule(self) -> str:
        """The selector for what is agreed on: most services only add to it."""
        return f"(+hsetnx{' +hdel' if self.access.succeeds else ''} ~{AGREEMENTS})"

    @property
    def hearing_rule(self) -> str:
        """The selector of the channels to listen on; empty if there are none."""
        heard = (*self.access.hears, *self.access.may_hear)
        if not heard:
            return ""
        channels = (*_channel_rules(heard), CHECK_CHANNEL_RULE)
        return f"(+subscribe +unsubscribe resetchannels {' '.join(channels)})"


def command_rule(name: str) -> str:
    """Return the rule that allows a command."""
    return "+" + name.lower().replace(" ", "|")


def _channel_rules(patterns: Iterable[str]) -> list[str]:
    return [f"&{pattern}" for pattern in patterns]


def _sharded(selector: str) -> str:
    return selector.replace("+subscribe +unsubscribe", "+ssubscribe +sunsubscribe")


def _commands_of(scripts: Iterable[object]) -> Iterator[str]:
    for script in scripts:
        if isinstance(script, Script):
            yield from _commands_in(script.text)


def _commands_in(script: str) -> Iterator[str]:
    for found in _CALL.finditer(script):
        yield name_of([word for word in found.groups() if word is not None])
