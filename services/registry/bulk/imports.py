"""Imports in Postgres: all staged rows in a few statements."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from psycopg.rows import tuple_row
from psycopg.sql import SQL
from pydantic import BaseModel, Field

from services.registry import spellings
from services.registry.access import device_secrets
from services.registry.access.secret import PreparedSecret
from services.registry.bulk import import_record
from services.registry.devices import booths
from services.registry.devices.booths import Booth
from services.registry.errors import TooManyRowsError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all, fetch_value, server_cursor
from services.registry.postgres.tables import devices_table
from shared.contract.devices import Kind

_MOST_BOOTHS: Final = 1000
"""New booths of one file."""

# What is one booth's id and another one's name is the former.
_FIND_BOOTHS: Final = """
    UPDATE import_rows
    SET booth_id = (SELECT id FROM booths
                    WHERE import_rows.booth IN (id, name)
                    ORDER BY import_rows.booth = id DESC
                    LIMIT 1)
    WHERE booth <> ''
"""
_UNKNOWN_BOOTHS: Final = """
    SELECT booth
    FROM import_rows
    WHERE booth <> '' AND booth_id IS NULL
    GROUP BY booth
    ORDER BY min(line)
    LIMIT %(most)s
"""
_PUT_INTO_BOOTHS: Final = """
    UPDATE import_rows
    SET booth_id = found.id
    FROM unnest(%(texts)s::text[], %(ids)s::text[]) AS found (text, id)
    WHERE import_rows.booth = found.text AND import_rows.booth_id IS NULL
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
        location = coalesce(import_rows.location, devices.location),
        booth = CASE WHEN import_rows.booth IS NULL THEN devices.booth
                ELSE import_rows.booth_id END
    FROM import_rows
    WHERE import_rows.kind = %(kind)s
      AND import_rows.id = devices.id
      AND (import_rows.label <> devices.label OR import_rows.location <> devices.location
           OR import_rows.booth IS NOT NULL AND import_rows.booth_id IS DISTINCT FROM devices.booth)
""")

_REGISTER: Final = SQL("""
    INSERT INTO {devices} (id, label, location, booth)
    SELECT id, coalesce(label, ''), coalesce(location, ''), booth_id
    FROM import_rows
    WHERE kind = %(kind)s
      AND NOT EXISTS (SELECT FROM {devices} AS known WHERE known.id = import_rows.id)
""")

_SIMILAR: Final = SQL("""
    SELECT count(*)
    FROM import_rows
    WHERE kind = %(kind)s
      AND EXISTS (SELECT FROM {devices} AS devices
                  WHERE lower(devices.id) = lower(import_rows.id) AND devices.id <> import_rows.id)
""")

_LIST_SIMILAR: Final = SQL("""
    SELECT import_rows.kind, import_rows.id, min(devices.id) AS similar
    FROM import_rows
    JOIN {devices} AS devices
      ON lower(devices.id) = lower(import_rows.id) AND devices.id <> import_rows.id
    WHERE import_rows.kind = %(kind)s
    GROUP BY import_rows.kind, import_rows.id
    ORDER BY import_rows.id
    LIMIT %(rows)s
""")
_MOST_SIMILAR: Final = 20
"""Of one kind."""

# A charger that still has a pairing here has the one in the file.
_PAIR: Final = """
    INSERT INTO pairings (charger_id, widget_id)
    SELECT id, widget
    FROM import_rows
    WHERE widget IS NOT NULL
      AND NOT EXISTS (SELECT FROM pairings WHERE pairings.charger_id = import_rows.id)
"""

_SECRETS: Final = """
    SELECT id, hash, digest, key_fingerprint
    FROM import_rows
    WHERE kind = %(kind)s AND hash IS NOT NULL
"""
_SECRETS_AT_ONCE: Final = 1000

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
    similar: int
    pairing_number: int | None
    """The greatest number that any of these devices has now; None: there are none."""


async def find_booths(connection: Connection, *, create: bool) -> list[Booth]:
    """Find the booths that staged rows name by id or by name, in any spelling.

    Args:
        connection: In the transaction of the import.
        create: Make those that are not there.

    Returns:
        The booths that were made.

    Raises:
        TooManyRowsError: The file names too many new ones.
    """
    await import_record.begin(connection)
    await connection.execute(_FIND_BOOTHS)
    cursor = await connection.execute(_UNKNOWN_BOOTHS, {"most": _MOST_BOOTHS + 1})
    unknown = [text for (text,) in await cursor.fetchall()]
    if not unknown:
        return []
    cursor = await connection.execute("SELECT name, id FROM booths")
    ids = {spellings.fold(name): booth_id for name, booth_id in await cursor.fetchall()}
    made = []
    if create:
        if len(unknown) > _MOST_BOOTHS:
            raise TooManyRowsError(
                f"the file names more than {_MOST_BOOTHS:,} new booths; send it in parts"
            )
        for text in unknown:
            if (folded := spellings.fold(text)) not in ids:
                made.append(await booths.create(connection, None, text))
                ids[folded] = made[-1].id
    found = {text: ids[folded] for text in unknown if (folded := spellings.fold(text)) in ids}
    values = {"texts": list(found), "ids": list(found.values())}
    await connection.execute(_PUT_INTO_BOOTHS, values)
    return made


async def apply(
    connection: Connection, *, replace: bool, overlap: timedelta, new_booths: int = 0
) -> Counts:
    """Do what the staged rows say, in the transaction in which they were staged.

    It must be the only writer of the directory. Their booths were found before.
    """
    created = updated = secrets_set = similar = 0
    if replace:
        await connection.execute(_END_FORMER)
    for kind in Kind:
        values = {"kind": kind.value}
        changed = await connection.execute(_UPDATE.format(devices=devices_table(kind)), values)
        updated += changed.rowcount
        new = await connection.execute(_REGISTER.format(devices=devices_table(kind)), values)
        created += new.rowcount
        similar += await fetch_value(
            connection, _SIMILAR.format(devices=devices_table(kind)), values
        )
    paired = (await connection.execute(_PAIR)).rowcount
    for kind in Kind:
        secrets_set += await _set_secrets(connection, kind, overlap)
    await import_record.end(
        connection,
        booths=new_booths,
        created=created,
        updated=updated,
        paired=paired,
        secrets=secrets_set,
    )
    number = await fetch_value(connection, _NUMBER)
    return Counts(created, updated, paired, secrets_set, similar, number)


class SimilarDevice(BaseModel):
    """A device of the file beside which there is another one."""

    kind: str = Field(description="Kind of both devices", examples=["charger"])
    id: str = Field(description="The one in the file", examples=["C1234"])
    similar: str = Field(
        description="The other one, whose id differs only in capitals", examples=["c1234"]
    )


async def list_similar(connection: Connection) -> list[SimilarDevice]:
    """Return the first devices of the staged rows beside which there is another one."""
    return [
        each
        for kind in Kind
        for each in await fetch_all(
            connection,
            SimilarDevice,
            _LIST_SIMILAR.format(devices=devices_table(kind)),
            {"kind": kind.value, "rows": _MOST_SIMILAR},
        )
    ]


async def _set_secrets(connection: Connection, kind: Kind, overlap: timedelta) -> int:
    changed = 0
    async with server_cursor(connection, "staged_secrets", tuple_row) as cursor:
        await cursor.execute(_SECRETS, {"kind": kind.value})
        while rows := await cursor.fetchmany(_SECRETS_AT_ONCE):
            new = {device: PreparedSecret(*columns) for device, *columns in rows}
            changed += await device_secrets.set_many(connection, kind, new, overlap)
    return changed
