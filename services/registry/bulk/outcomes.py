"""What an import would do with each row: the answer to a dry run."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed

from services.registry.postgres.database import Connection
from services.registry.postgres.queries import server_cursor
from services.registry.postgres.tables import devices_table, secrets_table
from shared.contract.devices import Kind

_CHUNK: Final = 1000
"""Rows in memory at once."""

_OF_KIND: Final = SQL("""
    SELECT staged.line, staged.kind, staged.id,
           CASE WHEN known.id IS NULL THEN 'created'
                WHEN staged.label <> known.label OR staged.location <> known.location
                     OR staged.booth IS NOT NULL AND staged.booth_id IS DISTINCT FROM known.booth
                THEN 'updated'
                ELSE 'unchanged' END AS device,
           staged.booth_id AS booth,
           CASE WHEN staged.widget = former.widget_id THEN 'unchanged'
                WHEN staged.widget IS NOT NULL THEN 'paired' END AS pairing,
           staged.widget,
           CASE WHEN staged.widget <> former.widget_id THEN former.widget_id END AS former_widget,
           CASE WHEN staged.id <> other.charger_id THEN other.charger_id END AS former_charger,
           CASE WHEN staged.digest IS NULL THEN NULL
                WHEN EXISTS (SELECT FROM {secrets} AS secrets
                             WHERE secrets.device_id = staged.id
                               AND secrets.digest = staged.digest
                               AND secrets.expires_at IS NULL) THEN 'unchanged'
                ELSE 'set' END AS secret,
           CASE WHEN known.id IS NULL
                THEN (SELECT min(other_case.id) FROM {devices} AS other_case
                      WHERE lower(other_case.id) = lower(staged.id)) END AS similar
    FROM import_rows AS staged
    LEFT JOIN {devices} AS known ON known.id = staged.id
    LEFT JOIN pairings AS former ON staged.kind = 'charger' AND former.charger_id = staged.id
    LEFT JOIN pairings AS other ON other.widget_id = staged.widget
    WHERE staged.kind = {kind}
""")


def _query() -> Composed:
    of_kinds = [
        _OF_KIND.format(devices=devices_table(kind), secrets=secrets_table(kind), kind=kind.value)
        for kind in Kind
    ]
    return SQL(" UNION ALL ").join(of_kinds) + SQL(" ORDER BY line")


async def write(connection: Connection, into: Callable[[bytes], object]) -> None:
    """Write the members of a JSON array, an object for each staged row.

    Needs the staged rows, in a transaction in which nothing was changed yet.
    """
    async with server_cursor(connection, "outcomes", dict_row) as cursor:
        await cursor.execute(_query())
        separator = b""
        while rows := await cursor.fetchmany(_CHUNK):
            into(separator + b",".join(map(_encode, rows)))
            separator = b","


def _encode(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode({name: value for name, value in row.items() if value is not None})
