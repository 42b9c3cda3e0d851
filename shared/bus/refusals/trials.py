"""How to try each right without changing anything."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from shared.bus.refusals.rights import CHECK_CHANNEL_RULE, CHECK_KEY_RULE, Rights, command_rule
from shared.bus.script import Argument, name_of
from shared.contract.names import (
    CHECK_CHANNEL,
    CHECK_KEY,
    channel_in_slot,
    key_pattern,
    key_type,
    matching_name,
)

_KEY: Final = "KEY"
_CHANNEL: Final = "CHANNEL"

_HARMLESS: Final = {
    name_of(words): words
    for words in (
        line.split()
        # The key never exists, so reads find nothing, removals remove nothing, and additions are
        # those to what exists. HSET has an argument too few, which is found after the rights.
        for line in """
            EXISTS KEY
            EXPIRE KEY 1
            GET KEY
            HEXISTS KEY f
            HGET KEY f
            HGETALL KEY
            HKEYS KEY
            HLEN KEY
            HMGET KEY f
            HRANDFIELD KEY
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
            WAIT 0 1
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
_TRIED_ELSEWHERE: Final = frozenset(
    {"CLIENT SETNAME", "DEL", "DISCARD", "EVALSHA", "HDEL", "HSETNX", "MULTI"}
    | {"SUBSCRIBE", "UNSUBSCRIBE"}
)
"""By each connection when it opens, by scripts, by comparing settings, on keys and channels."""

_READING: Final = {
    "hash": ["HGET KEY f"],
    "string": ["GET KEY"],
    "zset": ["ZRANGE KEY 0 0"],
    "stream": ["XRANGE KEY - + COUNT 1"],
}
"""Of each type what reads a key, if the service has that command."""
_WRITING: Final = {
    # An argument too few, no key, or a member that cannot be an id.
    "hash": ["HSET KEY f v f"],
    "string": ["SET KEY . XX"],
    "zset": ["ZREM KEY *"],
    "stream": ["XADD KEY NOMKSTREAM * f v", "XDEL KEY 0-1"],
}
"""What would write it, and does not."""
_REMOVING: Final = (("DEL",), ("HDEL", "f"))


class Trial(NamedTuple):
    """Commands that change nothing, and the rule of the ACL without which one is refused."""

    rule: str
    commands: list[list[Argument]]

    def missing_rule(self, error: str) -> str:
        """Return the rule that an error says is missing: for the command, or what it meets."""
        if refused := re.search(r"run the '(([^'|]+)[^']*)'", error):
            is_tried = any(refused[2] == str(words[0]).lower() for words in self.commands)
            # Else it is one of those that a connection begins with.
            return self.rule if is_tried else f"+{refused[1].lower()}"
        if self.rule.startswith("+"):
            return CHECK_CHANNEL_RULE if "channel" in error else CHECK_KEY_RULE
        return self.rule


def trials_of(rights: Rights, tag: str, *, is_cluster: bool) -> list[Trial]:
    """Return a trial for each rule, on the server with a tag (one server: "")."""
    return [
        *_of_commands(rights, tag, is_cluster=is_cluster),
        *_of_keys(rights, tag),
        *_of_channels(rights, tag, is_cluster=is_cluster),
    ]


def untried(rights: Rights) -> list[str]:
    """Return the commands that nothing tries at start. A test wants none."""
    tried = {*_HARMLESS, *_TRIED_ELSEWHERE}
    return [name for name in rights.commands if name not in tried]


def _of_commands(rights: Rights, tag: str, *, is_cluster: bool) -> Iterator[Trial]:
    places = {_KEY: channel_in_slot(CHECK_KEY, tag), _CHANNEL: channel_in_slot(CHECK_CHANNEL, tag)}
    # Neighbours: in between, commands would only be queued.
    yield from (Trial("+multi", [["MULTI"]]), Trial("+discard", [["DISCARD"]]))
    if is_cluster:
        yield Trial("+asking", [["ASKING"]])
    for name in rights.commands:
        if name in _HARMLESS:
            words: list[Argument] = [places.get(word, word) for word in _HARMLESS[name]]
            yield Trial(command_rule(name), [words])


def _of_keys(rights: Rights, tag: str) -> Iterator[Trial]:
    for pattern, rule in rights.reading_rules.items():
        yield Trial(rule, _on_key(rights, pattern, tag, _READING))
    for pattern, rule in rights.writing_rules.items():
        reading, writing = (_on_key(rights, pattern, tag, kind) for kind in (_READING, _WRITING))
        yield Trial(rule, reading + writing)
    patterns = map(key_pattern, (*rights.access.writes, *rights.access.removes))
    names = ((pattern, matching_name(pattern, tag)) for pattern in patterns)
    # Not keys that exist.
    removed = [channel_in_slot(CHECK_KEY, tag), *(name for key, name in names if name != key)]
    yield Trial(rights.removing_rule, [[w, name, *f] for name in removed for w, *f in _REMOVING])


def _on_key(
    rights: Rights, pattern: str, tag: str, trials: Mapping[str, list[str]]
) -> list[list[Argument]]:
    lines = [line.split() for line in trials[key_type(pattern) or ""]]
    key = matching_name(pattern, tag)
    return [
        [key if word == _KEY else word for word in words]
        for words in lines
        if words[0] in rights.commands
    ]


def _of_channels(rights: Rights, tag: str, *, is_cluster: bool) -> Iterator[Trial]:
    for rule in rights.publishing_rules:
        publish: list[Argument] = ["PUBLISH", matching_name(rule[1:], tag), "."]
        # Those who watch all channels must not see it. They do not see sharded messages.
        yield Trial(rule, [publish] if is_cluster else [["MULTI"], publish, ["DISCARD"]])
    if rights.access.hears:
        # Neighbours: in between, nothing else is allowed on the connection.
        words = [f"S{name}" if is_cluster else name for name in ("SUBSCRIBE", "UNSUBSCRIBE")]
        channels = [matching_name(pattern, tag) for pattern in rights.access.hears]
        channels.append(channel_in_slot(CHECK_CHANNEL, tag))
        yield Trial(rights.hearing_rule, [[word, name] for name in channels for word in words])
