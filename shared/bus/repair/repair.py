"""Calls that met a key of another type: the key is removed, and the call repeated.

With ``redis-cli`` any key can be given another type, and then no script can work with it. What
was in it is lost by then, and all that is stored here is written again from its source, so what
is there can go. It costs nothing while no key is broken: only a call that failed leads here.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from prometheus_client import Counter
from redis.exceptions import ResponseError

from shared.bus.bus import BusUnavailableError
from shared.bus.repair import scripts
from shared.bus.script import Argument, Call
from shared.contract.names import KEYS, key_type, siblings_of
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)
_failures = RateLimitedLog(_log, "a script fails, and is tried again")

REPAIRED: Final = Counter(
    "chargelight_keys_repaired", "Keys in Redis removed because they had another type.", ["key"]
)
for _part in KEYS:
    REPAIRED.labels(_part)

_WRONG_TYPE: Final = "WRONGTYPE"

RunCalls = Callable[[Sequence[Call]], Awaitable[list[Any]]]
"""Runs script calls and returns their replies, errors among them."""


async def repeat_repaired(run: RunCalls, calls: Sequence[Call], replies: list[Any]) -> list[Any]:
    """Return the replies, with calls repeated that had met a key of another type.

    Args:
        run: Repairs what it meets itself, and raises `BusUnavailableError`.
        calls: Those that were run.
        replies: Of each call its reply, or an error.
    """
    failed = [place for place, reply in enumerate(replies) if is_wrong_type(reply)]
    if failed and await _remove_broken(run, [calls[place].keys for place in failed]):
        repeated = await run([calls[place] for place in failed])
        for place, reply in zip(failed, repeated, strict=True):
            replies[place] = reply
    return replies


def raise_failed(replies: list[Any]) -> list[Any]:
    """Return replies without errors among them.

    Raises:
        BusUnavailableError: A script failed. That is a bug, or a value that it cannot work with;
            to try again is better than to end the process, and with it all lights.
    """
    for reply in replies:
        if isinstance(reply, ResponseError):
            _failures.log(reply)
            raise BusUnavailableError(f"a script fails: {reply}")
    return replies


def is_wrong_type(reply: object) -> bool:
    """Tell whether a reply is the error about a key of another type."""
    # From within a script the word is not the first one.
    return isinstance(reply, ResponseError) and _WRONG_TYPE in str(reply)


async def remove_broken_of(
    run: RunCalls, commands: Sequence[Sequence[Argument]], replies: Sequence[Any]
) -> bool:
    """Remove the keys of another type that these commands met; tell whether there were any.

    Raises:
        BusUnavailableError: Their types are right by now: another process removed them first.
    """
    met = zip(commands, replies, strict=True)
    failed = [str(words[1]) for words, reply in met if is_wrong_type(reply)]
    ours = [(key,) for key in failed if key_type(key) is not None]
    if ours and not await _remove_broken(run, ours):
        raise BusUnavailableError("a key had another type, and was removed by another process")
    return bool(ours)


async def _remove_broken(run: RunCalls, keys: Iterable[Sequence[str]]) -> bool:
    """Remove what has another type of these keys, given slot by slot; tell whether any had."""
    any_removed = False
    ours = [tuple(key for key in each if key_type(key) is not None) for each in keys]
    # Each once: all calls of a run fail together, and many have the same keys.
    calls = [_repair_call(each) for each in dict.fromkeys(ours) if each]
    for removed in await run(calls):
        if isinstance(removed, ResponseError):
            continue
        for key, had in zip(removed[::2], removed[1::2], strict=True):
            any_removed = True
            _note(key.decode(), had.decode())
    return any_removed


def _repair_call(keys: tuple[str, ...]) -> Call:
    words: list[Argument] = []
    for key in keys:
        words += (key.rpartition(":")[2], key_type(key) or "")
    return Call(scripts.REPAIR, (*keys, *siblings_of(keys[0])), words)


def _note(key: str, had: str) -> None:
    REPAIRED.labels(key.rpartition(":")[2]).inc()
    _log.error(
        "a key had another type and was removed",
        key=key,
        had=had,
        expected=key_type(key),
        remedy="It is written again by itself. Find out who wrote to it: nothing but "
        "Chargelight may change keys with its prefix.",
    )
