"""What an error of Redis means: the one place that says why, and what to do.

https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors
"""

import re
import shlex
from collections.abc import Iterable
from typing import Final, NamedTuple

from shared.bus.bus import BusUnavailableError

NOPERM: Final = "NOPERM"
"""The code of a refusal for a right that is missing."""


class Refusal(NamedTuple):
    """Why Redis does not do what it is asked, for people."""

    code: str
    """What two refusals for the same reason have in common."""
    reason: str
    remedy: str
    is_setting: bool = False
    """Whether waiting does not help: a process that has not served yet ends with it."""
    ends_connection: bool = False
    """Whether a new connection may lead to a better server."""
    error: str = ""
    """What Redis said, if a right is missing."""

    def __str__(self) -> str:
        """Return both as sentences."""
        return f"{self.reason}. {self.remedy}"


class RefusedError(BusUnavailableError):
    """Redis answers, and refuses; the text says why and what to do."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _Kind(NamedTuple):
    code: str
    pattern: str
    """Of the error's text, or of the code at its start. (From within a script, before Redis 7,
    the code follows a dash.)"""
    reason: str
    remedy: str
    is_setting: bool = False
    ends_connection: bool = False


_URL: Final = "CHARGELIGHT_REDIS_URL"
_WAIT: Final = "It goes on by itself"

_KINDS: Final = (
    # NOPERM has functions of its own.
    _Kind(
        "NOSCRIPT",
        r"NOSCRIPT",
        "Redis forgets scripts as fast as they are loaded",
        "Stop what sends SCRIPT FLUSH",
    ),
    _Kind(
        "WRONGPASS",
        r"WRONGPASS|invalid username-password pair|invalid password",
        f"Redis does not accept the user or the password in {_URL}, or the user is disabled",
        f"Correct them in {_URL} and restart, or in Redis: ACL SETUSER USER on >PASSWORD",
        is_setting=True,
        ends_connection=True,
    ),
    _Kind(
        "WRONGPASS",
        r"called without any password configured",
        f"{_URL} has a password, and this Redis asks for none",
        f"Remove the password from {_URL}, or set it in Redis: CONFIG SET requirepass PASSWORD",
        is_setting=True,
        ends_connection=True,
    ),
    _Kind(
        "NOAUTH",
        r"NOAUTH|Authentication required|operation not permitted",
        f"Redis asks for a password, and {_URL} has none",
        f"Put it there: {_URL}=redis://USER:PASSWORD@HOST:PORT/0",
        is_setting=True,
        ends_connection=True,
    ),
    _Kind(
        "DENIED",
        r"DENIED|protected mode",
        "Redis is in protected mode and refuses connections from other machines",
        f"Set a password in Redis and in {_URL}; or, in a network that nobody else reaches: "
        "CONFIG SET protected-mode no",
        is_setting=True,
        ends_connection=True,
    ),
    _Kind(
        "SELECT",
        r"DB index is out of range|invalid DB index|SELECT is not allowed|Invalid Database",
        f"Redis does not have the database that {_URL} names",
        f"End {_URL} with /0, or raise the setting databases of Redis",
        is_setting=True,
        ends_connection=True,
    ),
    _Kind(
        "MAXCLIENTS",
        r"max number of clients",
        "Redis takes no more connections (maxclients is reached)",
        "Raise it: redis-cli CONFIG SET maxclients 10000",
        ends_connection=True,
    ),
    _Kind(
        "LOADING",
        r"LOADING|loading the dataset",
        "Redis loads its data",
        _WAIT,
        ends_connection=True,
    ),
    _Kind(
        "READONLY",
        r"READONLY",
        "this Redis is a replica, and takes no writes",
        f"Let {_URL} lead to the primary; or make this one the primary: redis-cli REPLICAOF NO ONE",
        is_setting=True,
        ends_connection=True,
    ),
    _Kind(
        "MASTERDOWN",
        r"MASTERDOWN",
        "this Redis is a replica that has lost its primary",
        f"Let {_URL} lead to the primary; or make this one the primary: redis-cli REPLICAOF NO ONE",
        ends_connection=True,
    ),
    _Kind(
        "CLUSTERDOWN",
        r"CLUSTERDOWN",
        "the cluster does not serve all slots",
        "Start the nodes that are away: redis-cli CLUSTER INFO says what is missing",
        ends_connection=True,
    ),
    _Kind(
        "MOVED",
        r"MOVED|ASK|TRYAGAIN",
        "the cluster moves slots between its nodes",
        _WAIT,
        ends_connection=True,
    ),
    _Kind(
        "BUSY",
        r"BUSY",
        "a script of another program keeps Redis busy",
        "End it: redis-cli SCRIPT KILL",
    ),
    _Kind(
        "OOM",
        r"OOM",
        "Redis is full (maxmemory is reached) and takes no writes",
        "Raise it: redis-cli CONFIG SET maxmemory SIZE; or remove what does not belong to the hub",
    ),
    _Kind(
        "MISCONF",
        r"MISCONF",
        "Redis cannot write to its disk, and takes no writes",
        "Free space on its disk, then redis-cli BGSAVE; or, without persistence: "
        "redis-cli CONFIG SET stop-writes-on-bgsave-error no",
    ),
    _Kind(
        "NOREPLICAS",
        r"NOREPLICAS",
        "Redis has fewer replicas than min-replicas-to-write demands, and takes no writes",
        "Start the replicas, or redis-cli CONFIG SET min-replicas-to-write 0",
    ),
)
_NOPERM: Final = re.compile(r"(?:^|-)NOPERM\b|no permissions? to|ACL failure")
_UNKNOWN: Final = re.compile(r"unknown (?:redis )?command(?: ['`](\w+))?", re.IGNORECASE)
_PATTERNS: Final = [
    (
        re.compile(
            "|".join(
                rf"(?:^|-){one}\b" if one.isupper() else re.escape(one)
                for one in kind.pattern.split("|")
            )
        ),
        Refusal(kind.code, kind.reason, kind.remedy, kind.is_setting, kind.ends_connection),
    )
    for kind in _KINDS
]


def classify(error: str, name: str = "") -> Refusal | None:
    """Return what an error of Redis says of it; None if it is about the command only.

    Args:
        error: Its text, with or without the code.
        name: The command or script that was refused: ``ZADD``, ``SCRIPT LOAD``, ``store``.
    """
    if _NOPERM.search(error):
        return _missing_rights([(name, error)])
    for pattern, refusal in _PATTERNS:
        if pattern.search(error):
            return refusal
    if unknown := _UNKNOWN.search(error):
        # Not the whole text: it quotes arguments.
        return Refusal(
            "UNKNOWN",
            f"this Redis has no command {(unknown[1] or name).upper()}",
            "Use Redis 6.2 or newer, without rename-command",
            is_setting=True,
        )
    return None


def refuse(failures: Iterable[tuple[str, str]]) -> None:
    """Raise what an exchange's errors say of Redis; nothing if they are about commands only.

    Args:
        failures: For each error the name of what failed, and its text.

    Raises:
        RefusedError: One is about Redis. If rights are missing, it names all of them.
    """
    failures = list(failures)
    missing = [(name, error) for name, error in failures if _NOPERM.search(error)]
    if missing:
        raise RefusedError(_missing_rights(missing))
    for name, error in failures:
        refusal = classify(error, name)
        if refusal is not None:
            raise RefusedError(refusal)


def missing_rights(rules: Iterable[str], error: str) -> Refusal:
    """Return what is said when these rules are missing.

    Args:
        rules: As ``ACL SETUSER`` takes them.
        error: What Redis says of one of them.
    """
    rules = tuple(dict.fromkeys(rules))
    found = re.search(r"User (\S+) has no permissions", error)
    quoted = " ".join(map(shlex.quote, rules))
    return Refusal(
        NOPERM,
        f"Redis does not give its user the right {' '.join(rules)} ({error})",
        f"Give it: redis-cli ACL SETUSER {found[1] if found else 'USER'} {quoted} "
        "(docs/operations.md says where all rights are)",
        is_setting=True,
        error=error,
    )


def _missing_rights(failures: Iterable[tuple[str, str]]) -> Refusal:
    failures = list(failures)
    return missing_rights([_right(name, error) for name, error in failures], failures[0][1])


def _right(name: str, error: str) -> str:
    """Return the right that is missing, as ACL SETUSER takes it, as far as the error says."""
    called = name.lower().replace(" ", "|")
    if found := re.search(r"run the '([^']+)' command", error):
        refused = found[1].lower()
        # Before Redis 7 only the first word of the command's name.
        return f"+{called}" if called.startswith(f"{refused}|") else f"+{refused}"
    # Redis does not say which one. The check of Redis finds out (`RedisCheck`).
    if "channel" in error:
        return "&CHANNEL"
    if "key" in error:
        return "~KEY"
    return f"+{called}"
