"""Imports in Postgres: all rows of a file in a few statements, or none of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from psycopg.sql import SQL

from services.registry.access import device_secrets
from services.registry.access.secret import PreparedSecret
from services.registry.bulk.rows import MAX_SHOWN, Mistake, Mistakes, Row
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value
from services.registry.postgres.tables import devices_table
from shared.contract.devices import Kind

STATEMENT_SECONDS: Final = 120
"""How long one statement on 200,000 rows may take."""

_COPY_ROWS: Final = 2000
"""Rows in one piece of COPY."""

_PREPARE: Final = f"""
    SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s';
    CREATE TEMPORARY TABLE import_rows (
        line     integer NOT NULL,
        kind     text    NOT NULL,
        id       text    NOT NULL COLLATE "C",
        label    text,
        location text,
        widget   text    COLLATE "C"
    ) ON COMMIT DROP
"""
_COPY: Final = "COPY import_rows (line, kind, id, label, location, widget) FROM STDIN"
# Without it, the planner joins 25,000 rows as if they were a handful.
_ANALYZE: Final = "ANALYZE import_rows"

_MISTAKES: Final = """
    SELECT line, id, widget, charger_of_widget, widget_of_charger, charger_of_visitor,
           count(*) OVER () AS total
    FROM (
        SELECT line, id, widget, NULL AS charger_of_widget, NULL AS widget_of_charger,
               NULL AS charger_of_visitor
        FROM import_rows
        WHERE widget IS NOT NULL
          AND NOT EXISTS (SELECT FROM widgets WHERE widgets.id = import_rows.widget)
          AND NOT EXISTS (SELECT FROM import_rows AS other
                          WHERE other.kind = 'widget' AND other.id = import_rows.widget)
        UNION ALL
        SELECT line, id, widget, NULL, pairings.widget_id, NULL
        FROM import_rows
        JOIN pairings ON pairings.charger_id = import_rows.id
        WHERE import_rows.kind = 'charger' AND import_rows.widget <> pairings.widget_id
          AND NOT %(replace)s
        UNION ALL
        SELECT line, id, widget, pairings.charger_id, NULL, NULL
        FROM import_rows
        JOIN pairings ON pairings.widget_id = import_rows.widget
        WHERE import_rows.id <> pairings.charger_id
          AND NOT %(replace)s
        UNION ALL
        SELECT line, import_rows.id, widget, NULL, NULL, rentals.charger_id
        FROM import_rows
        JOIN rentals ON rentals.widget_id = import_rows.widget AND rentals.collected_at IS NULL
        WHERE import_rows.id <> rentals.charger_id
          AND NOT EXISTS (SELECT FROM pairings WHERE pairings.widget_id = import_rows.widget)
          AND NOT %(replace)s
    ) AS found
    ORDER BY line
    LIMIT %(most)s
"""

_END_FORMER: Final = """
    DELETE FROM pairings
    WHERE charger_id IN (
        SELECT pairings.charger_id
        FROM import_rows
        JOIN pairings ON pairings.charger_id = import_rows.id
        WHERE import_rows.kind = 'charger' AND import_rows.widget <> pairings.widget_id
        UNION
        SELECT pairings.charger_id
        FROM import_rows
        JOIN pairings ON pairings.widget_id = import_rows.widget
        WHERE import_rows.id <> pairings.charger_id
    )
"""

_UPDATE: Final = SQL("""
    UPDATE {devices} AS devices
    SET label = coalesce(import_rows.label, devices.label),
        location = coalesce(import_rows.location, devices.location)
    FROM import_rows
    WHERE import_rows.kind = %(kind)s
      AND import_rows.id = devices.id
      AND (import_rows.label <> devices.label OR import_rows.location <> devices.location)
""")

_REGISTER: Final = SQL("""
    INSERT INTO {devices} (id, label, location)
    SELECT id, coalesce(label, ''), coalesce(location, '')
    FROM import_rows
    WHERE kind = %(kind)s
      AND NOT EXISTS (SELECT FROM {devices} AS known WHERE known.id = import_rows.id)
""")

# A charger that still has a pairing here has the one in the file.
_PAIR: Final = """
    INSERT INTO pairings (charger_id, widget_id)
    SELECT id, widget
    FROM import_rows
    WHERE widget IS NOT NULL
      AND NOT EXISTS (SELECT FROM pairings WHERE pairings.charger_id = import_rows.id)
"""

_NUMBER: Final = """
    SELECT coalesce(
        nullif(current_setting('chargelight.pairing_number', true), '')::bigint,
        (SELECT max(number)
         FROM (SELECT greatest(pairing_number, secrets_number) AS number
               FROM chargers
               JOIN import_rows ON import_rows.kind = 'charger' AND import_rows.id = chargers.id
               UNION ALL
               SELECT greatest(pairing_number, secrets_number)
               FROM widgets
               JOIN import_rows ON import_rows.kind = 'widget' AND import_rows.id = widgets.id
         ) AS each_device)
    )
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """What an import did; of a dry run, what it would do."""

    created: int
    updated: int
    paired: int
    secrets: int
    pairing_number: int | None
    """The greatest number that any of these devices has now; None: there are none."""


def copy_lines(rows: Sequence[Row]) -> Iterator[bytes]:
    """Yield the rows in the format of COPY, in pieces.

    https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"
    """
    for start in range(0, len(rows), _COPY_ROWS):
        yield "".join(
            f"{row.line}\t{row.kind.value}\t{row.id}\t{_cell(row.label)}\t{_cell(row.location)}"
            f"\t{_cell(row.widget)}\n"
            for row in rows[start : start + _COPY_ROWS]
        ).encode()


def _cell(text: str | None) -> str:
    # Nothing else needs escaping: there are no control characters in it.
    return r"\N" if text is None else text.replace("\\", r"\\")


async def stage(
    connection: Connection, pieces: Sequence[bytes], mistakes: Mistakes, *, replace: bool
) -> None:
    """Hand the rows of a file to Postgres, and check that they can be imported.

    ``pieces`` is what `copy_lines` yielded, ``mistakes`` those found so far.

    Raises:
        ImportRefusedError: There are mistakes.
    """
    await connection.execute(_PREPARE)
    async with connection.cursor() as cursor:
        async with cursor.copy(_COPY) as copy:
            for piece in pieces:
                await copy.write(piece)
        await cursor.execute(_ANALYZE)
        await cursor.execute(_MISTAKES, {"replace": replace, "most": MAX_SHOWN})
        found = await cursor.fetchall()
    total = found[0][-1] if found else 0
    every = mistakes.merge([_mistake(_Conflict(*row[:-1])) for row in found], total)
    if every.total:
        raise every.refusal()


class _Conflict(NamedTuple):
    """A row that cannot be imported: its widget belongs to another charger, or is unknown."""

    line: int
    charger: str
    widget: str
    charger_of_widget: str | None
    """The charger that the widget is paired with."""
    widget_of_charger: str | None
    """The widget that the charger is paired with."""
    charger_of_visitor: str | None
    """The charger with the phone of the visitor who has the widget."""


def _mistake(found: _Conflict) -> Mistake:
    remedy = "unpair first, or import with replace=true"
    if found.charger_of_widget is not None:
        problem = f"{found.widget} is paired with the charger {found.charger_of_widget}; {remedy}"
    elif found.widget_of_charger is not None:
        problem = f"{found.charger} is paired with the widget {found.widget_of_charger}; {remedy}"
    elif found.charger_of_visitor is not None:
        problem = (
            f"a visitor has {found.widget}, whose phone is in {found.charger_of_visitor}; have it "
            "collected first, or import with replace=true"
        )
    else:
        problem = f"no widget {found.widget} is registered, nor in this file"
    return Mistake(found.line, "widget", problem)


async def apply(
    connection: Connection,
    secrets: Mapping[Kind, Mapping[str, PreparedSecret]],
    *,
    replace: bool,
    overlap: timedelta,
) -> Counts:
    """Do what the staged rows say, in the transaction in which they were staged."""
    created = updated = secrets_set = 0
    if replace:
        await connection.execute(_END_FORMER)
    for kind in Kind:
        values = {"kind": kind.value}
        changed = await connection.execute(_UPDATE.format(devices=devices_table(kind)), values)
        updated += changed.rowcount
        new = await connection.execute(_REGISTER.format(devices=devices_table(kind)), values)
        created += new.rowcount
    paired = (await connection.execute(_PAIR)).rowcount
    for kind, new_secrets in secrets.items():
        secrets_set += await device_secrets.set_many(connection, kind, new_secrets, overlap)
    number = await fetch_value(connection, _NUMBER)
    return Counts(created, updated, paired, secrets_set, number)
