"""Repairs a Postgres that went back in time: it lost changes that Redis has.

A backup was restored, an older data directory was started, or a standby took over that
missed the last commits. Redis then has greater numbers than Postgres, or something else under
the same number; and because the greater number wins, nothing would ever replace it. So each
device that differs gets a number that is greater than all in Redis. What Postgres says now is
the truth.
"""

from collections.abc import Collection
from typing import Final, NamedTuple, TypeAlias

from psycopg.types.json import Jsonb

from services.registry.directory.projection import Projection
from services.registry.directory.snapshot import (
    ChargerEntry,
    SecretsEntry,
    Snapshot,
    WidgetEntry,
)
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.database import LONG_WORK_SECONDS, Connection, Database
from services.registry.postgres.queries import fetch_value
from shared.contract.devices import Kind

Devices: TypeAlias = dict[Kind, set[str]]
"""Ids of devices."""

_LAST_DRAWN: Final = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pairing_numbers"
_MOVE: Final = "SELECT setval('pairing_numbers', %(number)s)"
_RENUMBER: Final = "SELECT renumber(%(chargers)s::text[], %(widgets)s::text[])"
_RECORD: Final = """
    INSERT INTO audit_log (who, action, kind, subject, details)
    VALUES (acting(), 'created', 'repair', 'directory', %(details)s)
"""


class Repair(NamedTuple):
    """What was repaired."""

    number: int
    """The pairing number that the devices got."""
    renumbered: Devices
    """Registered devices of which Redis had something newer or else."""
    unregistered: Devices
    """Devices in Redis that Postgres does not have."""

    @property
    def details(self) -> dict[str, object]:
        """All of it, as the audit log has it."""
        return {"number": self.number} | {
            f"{what} {kind}s": sorted(devices[kind])
            for what, devices in [
                ("renumbered", self.renumbered),
                ("unregistered", self.unregistered),
            ]
            for kind in Kind
        }


def no_devices() -> Devices:
    """Return none, of either kind."""
    return {kind: set() for kind in Kind}


async def repair(
    database: Database, projection: Projection, suspects: Devices, seen: int
) -> Repair | None:
    """Find out whether Postgres lost changes, and repair that.

    Project everything again if something was repaired.

    Args:
        database: Postgres.
        projection: Redis.
        suspects: Devices of which Redis has something that a snapshot did not have. Usually
            another registry was faster.
        seen: The greatest number that was ever seen in Postgres.

    Returns:
        What was repaired; None if nothing was lost.

    Raises:
        PostgresUnavailableError: Postgres is away.
        BusUnavailableError: Redis is away.
    """
    async with database.write_transaction(REGISTRY, LONG_WORK_SECONDS) as connection:
        # No change is on its way now: all that Redis has, Postgres had once.
        lost, registered = await _compare(connection, projection, suspects)
        last: int = await fetch_value(connection, _LAST_DRAWN)
        if seen <= last and not any(lost.values()):
            return None
        greatest = max(last, seen, await projection.greatest_number())
        await connection.execute(_MOVE, {"number": greatest})
        values = {f"{kind}s": sorted(lost[kind]) for kind in Kind}
        found = Repair(
            await fetch_value(connection, _RENUMBER, values),
            {kind: lost[kind] & registered[kind] for kind in Kind},
            {kind: lost[kind] - registered[kind] for kind in Kind},
        )
        await connection.execute(_RECORD, {"details": Jsonb(found.details)})
        return found


async def _compare(
    connection: Connection, projection: Projection, suspects: Devices
) -> tuple[Devices, Devices]:
    """Write suspects once more; return those that still differ, and who is registered."""
    lost, registered, known = no_devices(), no_devices(), no_devices()

    async def write_widgets(entries: list[WidgetEntry]) -> None:
        note(Kind.WIDGET, entries)
        lost[Kind.WIDGET].update((await projection.write_widgets(entries)).refused)

    async def write_chargers(entries: list[ChargerEntry]) -> None:
        note(Kind.CHARGER, entries)
        lost[Kind.CHARGER].update((await projection.write_chargers(entries)).refused)

    def note(kind: Kind, entries: Collection[WidgetEntry | ChargerEntry]) -> None:
        known[kind].update(entry.id for entry in entries)
        registered[kind].update(entry.id for entry in entries if entry.registered)

    directory = Snapshot(connection, only=set().union(*suspects.values()))
    for kind in Kind:

        async def write_secrets(entries: list[SecretsEntry], kind: Kind = kind) -> None:
            lost[kind].update((await projection.write_secrets(kind, entries)).refused)

        await directory.secrets(kind, 0, write_secrets)
    await directory.unregistered_widgets(0, write_widgets)
    await directory.widgets(0, write_widgets)
    await directory.unregistered_chargers(0, write_chargers)
    await directory.chargers(0, write_chargers)
    for kind in Kind:
        lost[kind] |= suspects[kind] - known[kind]
    return lost, registered
