"""What a restored database and the directory in Redis, by which the hub works, do not share."""

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from psycopg.rows import class_row
from redis.exceptions import ResponseError

from services.registry.backup.restore import raise_sequences
from services.registry.postgres.database import Connection
from shared.bus.bus import Bus, BusUnavailableError
from shared.contract.names import AGREEMENTS, Names
from shared.redis_state.values import decode_directory_entry


class Difference(NamedTuple):
    """A device whose registration or pairing is another one than the hub's."""

    kind: str
    id: str
    is_in_hub: bool
    is_restored: bool
    hub_partner: str | None
    restored_partner: str | None


# Kept beyond the transaction: it is printed when the restore is certain.
_COMPARE: Final = """
    CREATE TEMP TABLE differences AS
    SELECT kind, id, in_redis.id IS NOT NULL AS is_in_hub, restored.id IS NOT NULL AS is_restored,
           in_redis.partner AS hub_partner, restored.partner AS restored_partner
    FROM in_redis
    FULL JOIN (
        SELECT 'charger' AS kind, chargers.id::text AS id, chargers.pairing_number AS number,
               pairings.widget_id::text AS partner, pairings.token
        FROM chargers
        LEFT JOIN pairings ON pairings.charger_id = chargers.id
        UNION ALL
        SELECT 'widget', widgets.id, widgets.pairing_number, pairings.charger_id, pairings.token
        FROM widgets
        LEFT JOIN pairings ON pairings.widget_id = widgets.id
    ) AS restored USING (kind, id)
    WHERE in_redis.id IS NULL OR restored.id IS NULL
       -- Of a pairing the charger is named.
       OR kind = 'charger' AND (
           in_redis.partner IS DISTINCT FROM restored.partner
           OR restored.partner IS NOT NULL
              AND (in_redis.number, in_redis.token) <> (restored.number, restored.token)
       )
"""


async def compare_with_hub(connection: Connection, bus: Bus, names: Names) -> str | None:
    """Note for `differences` what differs, before a registry projects what was restored.

    Numbers that Redis has seen are not drawn again.

    Args:
        connection: In the transaction of the restore.
        bus: To the hub's Redis.
        names: Of the hub.

    Returns:
        Why there is nothing to compare with; None: it was compared.
    """
    await connection.execute(
        "CREATE TEMP TABLE in_redis (kind text, id text, number bigint, token text, partner text)"
    )
    try:
        agreed = await bus.command("HGET", AGREEMENTS, "CHARGELIGHT_PARTITIONS")
        if agreed is not None and agreed != str(names.partitions).encode():
            return f"CHARGELIGHT_PARTITIONS is {names.partitions} here and another number there"
        greatest = await _copy_directory(connection, bus, names)
    except (BusUnavailableError, ResponseError) as error:
        return str(error)
    if not greatest:
        return "no directory is in Redis"
    await connection.execute(_COMPARE)
    await raise_sequences(connection, {"pairing_numbers": greatest})
    return None


async def differences(connection: Connection) -> AsyncIterator[Difference]:
    """Yield what `compare_with_hub` noted, by kind and id."""
    query = 'SELECT * FROM differences ORDER BY kind, id COLLATE "C"'
    async with (
        connection.transaction(),
        connection.cursor("differences", row_factory=class_row(Difference)) as cursor,
    ):
        await cursor.execute(query)
        async for each in cursor:
            yield each


async def _copy_directory(connection: Connection, bus: Bus, names: Names) -> int:
    """Copy the registered devices into a table, and return the greatest number of all entries."""
    greatest = 0
    for kind, tags in ("charger", names.chargers), ("widget", names.widgets):
        for tag in tags:
            # One tag at a time: the whole directory may be large.
            fields = await bus.command("HGETALL", tag.directory)
            rows = []
            for id_, raw in zip(fields[::2], fields[1::2], strict=True):
                entry = decode_directory_entry(raw)
                if entry is None:
                    continue  # unreadable: counts as if it were not there
                greatest = max(greatest, entry.pairing)
                if not entry.unregistered:
                    partner = entry.widget or entry.charger or None
                    rows.append(
                        (kind, id_.decode(errors="replace"), entry.pairing, entry.token, partner)
                    )
            async with (
                connection.cursor() as cursor,
                cursor.copy("COPY in_redis FROM STDIN") as copy,
            ):
                for row in rows:
                    await copy.write_row(row)
    return greatest
