"""Which calls of scripts one command does, and what its reply says of each.

To start a script costs Redis as much as what the script does for one or two readings. So the
scripts that are called for every reading do several calls in one run. Each call still
touches one hash slot only: with Redis Cluster, each is a run of its own.
https://redis.io/docs/latest/commands/evalsha/
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.resp_encoding import Packed, pack
from shared.bus.script import Argument, Call

_MOST_ARGUMENTS: Final = 3000
"""Of calls that are joined: a run must not keep Redis from others for long."""


def joined(calls: Iterable[Call]) -> list[list[Call]]:
    """Part calls into those that one run does: neighbours of one script that joins."""
    runs: list[list[Call]] = []
    script = None
    arguments = 0
    for call in calls:
        arguments += len(call.arguments)
        if call.script is script and script.joins and arguments <= _MOST_ARGUMENTS:
            runs[-1].append(call)
        else:
            runs.append([call])
            script, arguments = call.script, len(call.arguments)
    return runs


def command_of(run: Sequence[Call], *, sharded: bool = False) -> list[Argument]:
    """Return the command that does a run.

    Args:
        run: Calls of one script; more than one only of a script that joins.
        sharded: Whether it is for Redis Cluster.
    """
    script = run[0].script
    if sharded:
        script = script.sharded or script
    if not script.joins:
        (call,) = run
        return ["EVALSHA", script.sha, len(call.keys), *call.keys, *call.arguments]
    words: list[Argument] = ["EVALSHA", script.sha, sum(len(call.keys) for call in run)]
    for call in run:
        words += call.keys
    for call in run:
        words.append(len(call.arguments))
        words += call.arguments
    return words


def packed_command_of(run: Sequence[Call], *, sharded: bool = False) -> bytes:
    """Return what `command_of` does, as it is sent.

    Packed arguments stay as they are. Those of a script that joins must not be packed: it is
    told in between how many there are.

    Raises:
        ValueError: They are.
    """
    arguments = run[0].arguments
    if not isinstance(arguments, Packed):
        return pack(tuple(command_of(run, sharded=sharded)))
    (call,) = run
    if call.script.joins:
        raise ValueError(f"arguments of {call.script.name} must not be packed")
    return arguments.after(command_of([replace(call, arguments=())], sharded=sharded))


def replies_of(run: Sequence[Call], reply: Any) -> list[Any]:
    """Return the reply of each call of a run; an error is the reply of each."""
    if isinstance(reply, ResponseError):
        return [reply] * len(run)
    if not run[0].script.joins:
        return [reply]
    replies: list[Any] = []
    start = 0
    while start < len(reply):
        end = start + 1 + reply[start]
        replies.append(reply[start + 1 : end])
        start = end
    return replies
