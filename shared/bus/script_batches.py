"""Several calls of a script in one script run: one command, one reply.

To start a script costs Redis as much as what the script does for one or two readings. So
the scripts that are called for every reading do a batch of calls in one run. Each call
still touches one hash slot only; on a Redis Cluster each call is a batch of its own.
https://redis.io/docs/latest/commands/evalsha/
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from redis.exceptions import ResponseError

from shared.bus.resp_encoding import EncodedWords, encode_command
from shared.bus.script import Argument, Call

_MOST_ARGUMENTS: Final = 3000
"""Of a batch: a run must not keep Redis from others for long."""


def batch_calls(calls: Iterable[Call]) -> list[list[Call]]:
    """Put neighbours that call the same batched script together; others stay alone."""
    batches: list[list[Call]] = []
    script = None
    arguments = 0
    for call in calls:
        arguments += len(call.arguments)
        if call.script is script and script.batched and arguments <= _MOST_ARGUMENTS:
            batches[-1].append(call)
        else:
            batches.append([call])
            script, arguments = call.script, len(call.arguments)
    return batches


def command_of(batch: Sequence[Call], *, sharded: bool = False) -> list[Argument]:
    """Return the words of the command that runs a batch; ``sharded``: on a Redis Cluster.

    A batch has calls of one script, and more than one only if the script is batched.
    """
    script = batch[0].script
    if sharded:
        script = script.sharded or script
    if not script.batched:
        (call,) = batch
        return ["EVALSHA", script.sha, len(call.keys), *call.keys, *call.arguments]
    keys: list[Argument] = []
    arguments: list[Argument] = []
    for call in batch:
        keys += call.keys
        arguments.append(len(call.arguments))
        arguments += call.arguments
    return ["EVALSHA", script.sha, len(keys), *keys, *arguments]


def encode_batch(batch: Sequence[Call], *, sharded: bool = False) -> bytes:
    """Return the command that runs a batch, encoded.

    `EncodedWords` are sent as they are. A batched script cannot have them: a count stands
    before the arguments of each call.

    Raises:
        ValueError: A batched script has encoded arguments.
    """
    arguments = batch[0].arguments
    if not isinstance(arguments, EncodedWords):
        return encode_command(tuple(command_of(batch, sharded=sharded)))
    (call,) = batch
    if call.script.batched:
        raise ValueError(f"arguments of {call.script.name} must not be encoded")
    return arguments.after(command_of([replace(call, arguments=())], sharded=sharded))


def split_replies(batches: Iterable[Sequence[Call]], replies: Iterable[Any]) -> list[Any]:
    """Return the reply of each call, given that of each batch; an error is the reply of each."""
    split: list[Any] = []
    for batch, reply in zip(batches, replies, strict=True):
        if isinstance(reply, ResponseError):
            split += [reply] * len(batch)
        elif not batch[0].script.batched:
            split.append(reply)
        else:
            start = 0
            while start < len(reply):
                end = start + 1 + reply[start]
                split.append(reply[start + 1 : end])
                start = end
    return split
