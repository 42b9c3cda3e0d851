"""Devices' secrets in Postgres."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from psycopg.sql import SQL

from services.registry.access.secret import Change, PreparedSecret, StoredSecret, change_to
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value
from services.registry.postgres.tables import devices_table, secrets_table
from shared.contract.devices import Kind

_MAX_EXPIRED: Final = 1000

_FIND: Final = SQL("""
    SELECT device_id, id, hash, digest, key_fingerprint, created_at, expires_at
    FROM {secrets}
    WHERE device_id = ANY(%(devices)s::text[])
    ORDER BY id
""")

_INSERT: Final = SQL("""
    INSERT INTO {secrets} (device_id, hash, digest, key_fingerprint)
    SELECT device_id, hash, digest, key_fingerprint
    FROM unnest(%(devices)s::text[], %(hashes)s::text[], %(digests)s::text[],
                %(key_fingerprints)s::text[])
         AS new (device_id, hash, digest, key_fingerprint)
""")

_UPDATE_DIGEST: Final = SQL("""
    UPDATE {secrets} AS secrets
    SET digest = new.digest,
        key_fingerprint = new.key_fingerprint
    FROM unnest(%(ids)s::bigint[], %(digests)s::text[], %(key_fingerprints)s::text[])
         AS new (id, digest, key_fingerprint)
    WHERE secrets.id = new.id
""")

_EXPIRE: Final = SQL(
    "UPDATE {secrets} SET expires_at = %(until)s WHERE id = ANY(%(ids)s::bigint[])"
)
_REMOVE: Final = SQL("DELETE FROM {secrets} WHERE id = ANY(%(ids)s::bigint[])")
_REMOVE_ALL: Final = SQL("DELETE FROM {secrets} WHERE device_id = %(device)s")

_ANY_EXPIRED: Final = SQL(
    "SELECT EXISTS (SELECT FROM {secrets} WHERE expires_at <= clock_timestamp())"
)

_REMOVE_EXPIRED: Final = SQL("""
    DELETE FROM {secrets}
    WHERE id IN (
        SELECT id
        FROM {secrets}
        WHERE expires_at <= clock_timestamp()
        LIMIT %(most)s
    )
""")

_NUMBER: Final = SQL("SELECT secrets_number FROM {devices} WHERE id = %(device)s")
_COUNT_OTHER_KEYS: Final = """
    SELECT (SELECT count(*) FROM charger_secrets WHERE key_fingerprint <> %(fingerprint)s)
         + (SELECT count(*) FROM widget_secrets WHERE key_fingerprint <> %(fingerprint)s)
"""
_NOW: Final = "SELECT clock_timestamp()"


async def find(
    connection: Connection, kind: Kind, devices: Collection[str]
) -> dict[str, list[StoredSecret]]:
    """Return devices' secrets, the oldest first; devices without any are left out."""
    query = _FIND.format(secrets=secrets_table(kind))
    cursor = await connection.execute(query, {"devices": list(devices)})
    found: dict[str, list[StoredSecret]] = defaultdict(list)
    async for device_id, *columns in cursor:
        found[device_id].append(StoredSecret(*columns))
    return dict(found)


async def set_many(
    connection: Connection,
    kind: Kind,
    new_secrets: Mapping[str, PreparedSecret],
    overlap: timedelta,
) -> int:
    """Make each secret its device's newest one; doing it again changes nothing.

    Needs a write transaction. Earlier ones stay valid for the overlap.

    Returns:
        How many devices were changed. All of them got the number of this transaction.

    Raises:
        psycopg.errors.ForeignKeyViolation: One of the devices is not registered.
    """
    now: datetime = await fetch_value(connection, _NOW)
    known = await find(connection, kind, new_secrets)
    changes = {
        device: change
        for device, secret in new_secrets.items()
        if (change := change_to(secret, known.get(device, []), now, overlap))
    }
    if changes:
        await _apply(connection, kind, changes, new_secrets, now + overlap)
    return len(changes)


async def _apply(
    connection: Connection,
    kind: Kind,
    changes: Mapping[str, Change],
    new_secrets: Mapping[str, PreparedSecret],
    until: datetime,
) -> None:
    secrets = secrets_table(kind)
    new = {device: new_secrets[device] for device, change in changes.items() if change.insert}
    again = {
        change.update_digest: new_secrets[device]
        for device, change in changes.items()
        if change.update_digest is not None
    }
    remove = [row for change in changes.values() for row in change.remove]
    expire = [row for change in changes.values() for row in change.expire]
    if remove:
        await connection.execute(_REMOVE.format(secrets=secrets), {"ids": remove})
    if expire:
        values = {"ids": expire, "until": until}
        await connection.execute(_EXPIRE.format(secrets=secrets), values)
    if again:
        await connection.execute(
            _UPDATE_DIGEST.format(secrets=secrets),
            {
                "ids": list(again),
                "digests": [secret.digest for secret in again.values()],
                "key_fingerprints": [secret.key_fingerprint for secret in again.values()],
            },
        )
    if new:
        await connection.execute(
            _INSERT.format(secrets=secrets),
            {
                "devices": list(new),
                "hashes": [secret.hash for secret in new.values()],
                "digests": [secret.digest for secret in new.values()],
                "key_fingerprints": [secret.key_fingerprint for secret in new.values()],
            },
        )


async def remove_all(connection: Connection, kind: Kind, device: str) -> int:
    """Remove all secrets of a device, if it has any; return how many."""
    query = _REMOVE_ALL.format(secrets=secrets_table(kind))
    cursor = await connection.execute(query, {"device": device})
    return cursor.rowcount


async def any_expired(connection: Connection, kind: Kind) -> bool:
    """Tell whether `remove_expired` would remove any."""
    return bool(await fetch_value(connection, _ANY_EXPIRED.format(secrets=secrets_table(kind))))


async def remove_expired(connection: Connection, kind: Kind) -> int:
    """Remove expired secrets, at most 1,000; return how many."""
    query = _REMOVE_EXPIRED.format(secrets=secrets_table(kind))
    cursor = await connection.execute(query, {"most": _MAX_EXPIRED})
    return cursor.rowcount


async def count_of_other_keys(connection: Connection, fingerprint: str) -> int:
    """Return how many secrets have a digest made with a key of another fingerprint."""
    count: int = await fetch_value(connection, _COUNT_OTHER_KEYS, {"fingerprint": fingerprint})
    return count


async def number_of(connection: Connection, kind: Kind, device: str) -> int | None:
    """Return the number of the last change of a device's secrets; None: no such device."""
    query = _NUMBER.format(devices=devices_table(kind))
    number: int | None = await fetch_value(connection, query, {"device": device})
    return number
