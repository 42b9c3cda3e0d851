"""An import in the audit log: one line, which the entries of its rows belong to."""

from typing import Final

from services.registry.postgres.database import Connection

# For this transaction only. Entries take it as their `import_id`, by the column's default.
_BEGIN: Final = "SELECT set_config('chargelight.import', gen_random_uuid()::text, true)"

# Not of a file in which all was as it is already.
_RECORD: Final = """
    INSERT INTO audit_log (who, action, kind, subject, details, import_id)
    SELECT acting(), 'imported', 'import', id::text,
           CASE WHEN %(booths)s::integer > 0 THEN jsonb_build_object('booths', %(booths)s::integer)
                ELSE '{}' END ||
           jsonb_build_object('created', %(created)s::integer, 'updated', %(updated)s::integer,
                              'paired', %(paired)s::integer, 'secrets', %(secrets)s::integer),
           NULL
    FROM (SELECT current_setting('chargelight.import')::uuid AS id) AS this_one
    WHERE EXISTS (SELECT FROM audit_log WHERE import_id = this_one.id)
"""


async def begin(connection: Connection) -> None:
    """Have the audit log tell this transaction's changes as those of one import."""
    await connection.execute(_BEGIN)


async def end(
    connection: Connection, *, booths: int, created: int, updated: int, paired: int, secrets: int
) -> None:
    """Write the import's own line, if it changed anything."""
    counts = {"created": created, "updated": updated, "paired": paired, "secrets": secrets}
    await connection.execute(_RECORD, {**counts, "booths": booths})
