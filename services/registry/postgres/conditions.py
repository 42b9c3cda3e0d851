"""What an error says of Postgres' condition, and what an operator can do about it.

This is the one place that decides which errors are expected: whatever an operator can do to
Postgres. Such an error means "try again", with a reason. Any other one is a bug of ours: it is
tried again too, and has a traceback in the log.
https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import re
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout


@dataclass(frozen=True, slots=True)
class Condition:
    """Why Postgres cannot be used."""

    summary: str
    """For people, without anything that only the log may hold."""
    remedy: str
    problem: str = "postgres-refuses"
    """The last word of the problem's type in REST."""


AWAY: Final = Condition(
    "Postgres is away",
    "Is it up, and does CHARGELIGHT_POSTGRES_DSN lead to it?",
    "postgres-away",
)
HUNG: Final = Condition(
    "Postgres does not answer in time",
    "It hangs, or the way to it does: look at its log, its disk and its load",
    "postgres-away",
)
LOCKED: Final = Condition(
    "Another transaction holds a lock in Postgres",
    "A large import is running, or a transaction is open in psql. Find it: SELECT pid, query FROM "
    "pg_stat_activity WHERE xact_start < now() - interval '2 s'; end it: SELECT "
    "pg_terminate_backend(PID)",
    "directory-busy",
)
LOGIN: Final = Condition(
    "Postgres does not let the registry in",
    "Check user, password and database in CHARGELIGHT_POSTGRES_DSN, and pg_hba.conf",
)
CONNECTIONS: Final = Condition(
    "Postgres has no connection left for the registry",
    "A registry takes up to 9. Raise max_connections (or the limit of its role or database), or "
    "end clients that hold many",
)
RIGHTS: Final = Condition(
    "The registry lacks a right in Postgres",
    "Let the owner of the tables give it back: chargelight-registry migrate. Where the registry's "
    "user shall be the owner: ALTER DATABASE … OWNER TO …, REASSIGN OWNED BY … TO …",
)
TABLES: Final = Condition(
    "Postgres does not have the tables that this version needs",
    "While a dump is being restored, wait. Otherwise undo what was changed, or restore a backup",
)
READ_ONLY: Final = Condition(
    "Postgres is read-only",
    "It is a standby, or default_transaction_read_only is on. Let CHARGELIGHT_POSTGRES_DSN lead to "
    "the primary: several hosts and target_session_attrs=read-write",
)
FULL: Final = Condition("Postgres has no room on its disk", "Make room there, or enlarge the disk")
MEMORY: Final = Condition(
    "Postgres is out of memory, or at another limit of its own", "Look at its log and its memory"
)
DAMAGED: Final = Condition(
    "Postgres reports an internal error", "Look at its log; its data may be damaged"
)
UNEXPECTED: Final = Condition(
    "Postgres refused a statement that it should not refuse",
    "A bug, or a trigger or constraint that was added by hand; this log has the traceback. "
    "Please report it",
)

# By SQLSTATE, and else by its first two characters, the class.
_BY_CODE: Final = {
    "0A000": TABLES,  # cached plan must not change result type
    "25006": READ_ONLY,
    "25P03": LOCKED,  # a timeout of idle transactions, shorter than ours
    "26000": TABLES,  # prepared statements and
    "34000": TABLES,  # cursors that were dropped: DISCARD ALL
    "3D000": LOGIN,
    "3F000": TABLES,
    "42501": RIGHTS,
    "53100": FULL,
    "53300": CONNECTIONS,
    "55P03": LOCKED,
    "57014": HUNG,  # statement_timeout, or cancelled by hand
    **dict.fromkeys(("42P01", "42703", "42704", "42804", "42809", "42883"), TABLES),  # not there
    **dict.fromkeys(("42P07", "42710", "42723"), TABLES),  # there, though not said to be
    "08": AWAY,
    "28": LOGIN,
    "40": LOCKED,  # deadlocks
    "53": MEMORY,
    "54": MEMORY,
    "57": AWAY,
    "58": DAMAGED,
    "XX": DAMAGED,
}

# A server that refuses a connection says why in words only.
_BY_WORDS: Final = (
    (re.compile("too many (clients|connections)|connection slots are reserved"), CONNECTIONS),
    (
        re.compile(
            "authentication failed|no pg_hba.conf entry|is not permitted to log in|no password "
            "supplied|permission denied for database|(role|database) .* does not exist|is not "
            "currently accepting connections"
        ),
        LOGIN,
    ),
    (re.compile("no space left|disk full", re.IGNORECASE), FULL),
)


class PostgresUnavailableError(Exception):
    """Postgres cannot be used right now; try again after a while.

    Args:
        reason: What happened, for logs.
        condition: What that means.
    """

    def __init__(self, reason: str, condition: Condition = AWAY) -> None:
        super().__init__(reason)
        self.condition = condition

    @property
    def lasts(self) -> bool:
        """Whether it ends only when an operator does something, or room is made."""
        return self.condition.problem == "postgres-refuses" and not self.is_bug

    @property
    def is_bug(self) -> bool:
        """Whether nothing that an operator does to Postgres explains it."""
        return self.condition is UNEXPECTED


def unavailable(error: psycopg.Error | TimeoutError) -> PostgresUnavailableError:
    """Return what an error of psycopg, or of a deadline of ours, means."""
    if isinstance(error, TimeoutError):
        return PostgresUnavailableError("Postgres does not answer in time", HUNG)
    # The first line only: further ones may hold rows.
    text = error.diag.message_primary or str(error).strip().partition("\n")[0]
    return PostgresUnavailableError(text or type(error).__name__, _condition_of(error, text))


def _condition_of(error: psycopg.Error, text: str) -> Condition:
    code = error.sqlstate or ""
    known = _BY_CODE.get(code) or _BY_CODE.get(code[:2])
    if known is not None:
        return known
    if isinstance(error, PoolTimeout):
        return HUNG  # all connections are in use
    if not isinstance(error, psycopg.OperationalError):
        return UNEXPECTED
    return next((found for words, found in _BY_WORDS if words.search(text)), AWAY)
