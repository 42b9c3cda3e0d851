"""Whether Postgres lets the registry work: its tables are there, with the rights on them.

Asked every 2 s, so that an operator hears of a right that was lost before a request needs it.
"""

from typing import Final

from services.registry.postgres.conditions import (
    READ_ONLY,
    RIGHTS,
    TABLES,
    PostgresUnavailableError,
)
from services.registry.postgres.database import Connection

_READ: Final = ("SELECT",)
_CHANGE: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")

NEEDED: Final = {
    "schema_migrations": _READ,
    "audit_log": _CHANGE,
    "booths": _CHANGE,
    "chargers": _CHANGE,
    "widgets": _CHANGE,
    "pairings": _CHANGE,
    "unregistered": _CHANGE,
    "charger_secrets": _CHANGE,
    "widget_secrets": _CHANGE,
    "api_keys": ("SELECT", "INSERT", "UPDATE"),
    "sessions": ("SELECT", "INSERT", "DELETE"),
    "sign_in_codes": ("SELECT", "INSERT", "DELETE"),
    "staged_rows": ("SELECT", "INSERT", "DELETE"),
    "rentals": _CHANGE,
    "rental_levels": _CHANGE,
    "visitor_codes": ("SELECT", "INSERT", "DELETE"),
    "last_draw": ("SELECT", "UPDATE"),
    "outbox_events": ("SELECT", "INSERT", "DELETE"),
    "outbox_deliveries": ("SELECT", "INSERT", "UPDATE"),
    "raised_conditions": ("SELECT", "INSERT", "DELETE"),
    "judging_registry": ("SELECT", "UPDATE"),
}
_PAIRS: Final = [(table, right) for table, rights in NEEDED.items() for right in rights]

_FIRST_LACKING: Final = """
    SELECT current_setting('transaction_read_only') = 'on', lacking.relation, lacking.privilege
    FROM (VALUES (1)) AS always
    LEFT JOIN (
        SELECT relation, CASE WHEN to_regclass(relation) IS NOT NULL THEN privilege END AS privilege
        FROM unnest(%(tables)s::text[], %(rights)s::text[])
             WITH ORDINALITY AS needed (relation, privilege, position)
        WHERE to_regclass(relation) IS NULL
           OR NOT CASE privilege
                  WHEN 'DELETE' THEN has_table_privilege(to_regclass(relation), privilege)
                  ELSE has_any_column_privilege(to_regclass(relation), privilege)
              END
        ORDER BY position
        LIMIT 1
    ) AS lacking ON true
"""
_VALUES: Final = {
    "tables": [table for table, _ in _PAIRS],
    "rights": [right for _, right in _PAIRS],
}


async def check(connection: Connection) -> None:
    """Check that the registry can work with what it finds.

    Raises:
        PostgresUnavailableError: Postgres is read-only, a table is gone, or a right on it is.
        psycopg.Error: Postgres went away.
    """
    cursor = await connection.execute(_FIRST_LACKING, _VALUES)
    (row,) = await cursor.fetchall()
    read_only, table, right = row
    if read_only:
        raise PostgresUnavailableError("transaction_read_only is on", READ_ONLY)
    if right is not None:
        raise PostgresUnavailableError(f"no {right} on the table {table}", RIGHTS)
    if table is not None:
        raise PostgresUnavailableError(f"the table {table} is not there", TABLES)
