"""What an error of Postgres means."""

import psycopg
import pytest
from psycopg_pool import PoolTimeout

from services.registry.postgres import conditions
from services.registry.postgres.conditions import Condition, unavailable


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (psycopg.errors.InsufficientPrivilege("denied"), conditions.RIGHTS),
        (psycopg.errors.UndefinedTable("gone"), conditions.TABLES),
        (psycopg.errors.FeatureNotSupported("cached plan must not change"), conditions.TABLES),
        (psycopg.errors.InvalidSqlStatementName('"_pg3_0" does not exist'), conditions.TABLES),
        (psycopg.errors.DuplicateObject("there already"), conditions.TABLES),
        (psycopg.errors.LockNotAvailable("timeout"), conditions.LOCKED),
        (psycopg.errors.DeadlockDetected("deadlock"), conditions.LOCKED),
        (psycopg.errors.ReadOnlySqlTransaction("read-only"), conditions.READ_ONLY),
        (psycopg.errors.DiskFull("no space"), conditions.FULL),
        (psycopg.errors.TooManyConnections("too many"), conditions.CONNECTIONS),
        (psycopg.errors.OutOfMemory("out of memory"), conditions.MEMORY),
        (psycopg.errors.AdminShutdown("going down"), conditions.AWAY),
        (psycopg.errors.QueryCanceled("statement timeout"), conditions.HUNG),
        (psycopg.errors.DataCorrupted("invalid page"), conditions.DAMAGED),
        (psycopg.errors.InvalidPassword("wrong"), conditions.LOGIN),
        (psycopg.OperationalError("connection refused"), conditions.AWAY),
        (
            psycopg.OperationalError("FATAL: too many clients"),
            conditions.CONNECTIONS,
        ),
        (psycopg.OperationalError("FATAL: password authentication failed"), conditions.LOGIN),
        (psycopg.OperationalError('FATAL: database "x" does not exist'), conditions.LOGIN),
        (PoolTimeout("couldn't get a connection"), conditions.HUNG),
        (TimeoutError(), conditions.HUNG),
        # What no operator does: bugs of ours.
        (psycopg.errors.SyntaxError("syntax error"), conditions.UNEXPECTED),
        (psycopg.errors.UniqueViolation("duplicate key"), conditions.UNEXPECTED),
        (psycopg.errors.RaiseException("not on Sundays"), conditions.UNEXPECTED),
        (psycopg.InterfaceError("misused"), conditions.UNEXPECTED),
        (psycopg.ProgrammingError("misused"), conditions.UNEXPECTED),
    ],
    ids=lambda value: "" if isinstance(value, Condition) else repr(value),
)
def test_each_error_has_a_meaning(
    error: psycopg.Error | TimeoutError, condition: Condition
) -> None:
    found = unavailable(error)
    assert found.condition is condition
    assert found.is_bug == (condition is conditions.UNEXPECTED)


def test_only_the_first_line_of_an_error_is_told() -> None:
    error = psycopg.OperationalError("connection lost\nDETAIL: (ticket)=(4711)\n")
    assert str(unavailable(error)) == "connection lost"
    assert str(unavailable(psycopg.OperationalError())) == "OperationalError"
