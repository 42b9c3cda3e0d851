"""The directory as Postgres has it at one moment, read in chunks for the projection."""

import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Final, LiteralString, TypeAlias, TypeVar

from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Composed, Literal

from services.registry.postgres.database import Connection, Database
from services.registry.postgres.queries import fetch_value, server_cursor
from services.registry.postgres.tables import devices_table, secrets_table
from shared.contract.devices import Kind
from shared.contract.full_when import REPORTED

CHUNK: Final = 500
"""Rows per fetch, and so the most items of one script: a script must not hold Redis for long."""


@dataclass(frozen=True, slots=True)
class WidgetEntry:
    """A widget's entry for the directory in Redis."""

    id: str
    pairing_number: int
    charger: str | None = None
    registered: bool = True


@dataclass(frozen=True, slots=True)
class ChargerEntry:
    """A charger's entry for the directory in Redis."""

    id: str
    pairing_number: int
    widget: str | None = None
    registered: bool = True
    token: str = ""
    """Of its pairing."""
    age_us: int = 0
    """How long it had been paired when it was read, in µs of Postgres' clock."""
    read_at: float = 0
    """When it was read, in seconds of our monotonic clock."""


@dataclass(frozen=True, slots=True)
class SecretsEntry:
    """The credentials of a registered device."""

    id: str
    secrets_number: int
    digests: list[str]
    """Of its secrets that have not expired, made with any key."""
    registered_us: int = 0
    """When it was registered, in µs since 1970. A registration at another time is another
    device, even with the same id."""
    auth: str = "any"
    """What it must prove itself with."""
    full_when: str = REPORTED
    """What counts as full there."""


Entry = TypeVar("Entry")
Write: TypeAlias = Callable[[list[Entry]], Awaitable[None]]
"""Writes one chunk."""

GREATEST: Final = """
    SELECT coalesce(max(pairing_number), 0)
    FROM (
        SELECT max(pairing_number) AS pairing_number FROM chargers
        UNION ALL
        SELECT max(pairing_number) FROM widgets
        UNION ALL
        SELECT max(pairing_number) FROM unregistered
        UNION ALL
        SELECT max(secrets_number) FROM chargers
        UNION ALL
        SELECT max(secrets_number) FROM widgets
    ) AS each_table
"""
"""The greatest number in Postgres, of pairings or secrets; 0 in an empty directory."""

_WIDGETS: Final = """
    SELECT widgets.id, widgets.pairing_number, pairings.charger_id AS charger
    FROM widgets
    LEFT JOIN pairings ON pairings.widget_id = widgets.id
    WHERE widgets.pairing_number > %(after)s
      AND (%(only)s::text[] IS NULL OR widgets.id = ANY (%(only)s::text[]))
"""

_CHARGERS: Final = """
    SELECT chargers.id, chargers.pairing_number, pairings.widget_id AS widget,
           pairings.token,
           (extract(epoch FROM clock_timestamp() - pairings.paired_at) * 1000000)::bigint AS age_us
    FROM chargers
    LEFT JOIN pairings ON pairings.charger_id = chargers.id
    WHERE chargers.pairing_number > %(after)s
      AND (%(only)s::text[] IS NULL OR chargers.id = ANY (%(only)s::text[]))
"""

_UNREGISTERED: Final = """
    SELECT id, pairing_number
    FROM unregistered
    WHERE kind = %(kind)s AND pairing_number > %(after)s
      AND (%(only)s::text[] IS NULL OR id = ANY (%(only)s::text[]))
"""


_SECRETS: Final = SQL("""
    SELECT devices.id, devices.secrets_number, devices.auth, {full_when} AS full_when,
           (extract(epoch FROM devices.registered_at) * 1000000)::bigint AS registered_us, ARRAY(
               SELECT secrets.digest
               FROM {secrets} AS secrets
               WHERE secrets.device_id = devices.id
                 AND (secrets.expires_at IS NULL OR secrets.expires_at > clock_timestamp())
               ORDER BY secrets.id
           ) AS digests
    FROM {devices} AS devices
    WHERE devices.secrets_number > %(after)s
      AND (%(only)s::text[] IS NULL OR devices.id = ANY (%(only)s::text[]))
""")


class Snapshot:
    """The directory at one moment; ``only`` these devices, if it is given."""

    def __init__(self, connection: Connection, only: Collection[str] | None = None) -> None:
        self._connection = connection
        self._only = None if only is None else list(only)

    async def greatest_number(self) -> int:
        """Return the greatest number, of pairings or secrets; 0 in an empty directory."""
        number: int = await fetch_value(self._connection, GREATEST)
        return number

    async def last_token(self) -> str:
        """Return the token that was drawn with the last number."""
        token: str = await fetch_value(self._connection, "SELECT token FROM last_draw")
        return token

    async def secrets(self, kind: Kind, after: int, write: Write[SecretsEntry]) -> None:
        """Write the credentials of devices whose secrets number is greater than ``after``."""
        # A widget has no such setting.
        full_when = SQL("devices.full_when") if kind is Kind.CHARGER else Literal(REPORTED)
        query = _SECRETS.format(
            devices=devices_table(kind), secrets=secrets_table(kind), full_when=full_when
        )
        await self._each_chunk(query, {"after": after}, write, lambda row, _: SecretsEntry(**row))

    async def widgets(self, after: int, write: Write[WidgetEntry]) -> None:
        """Write the registered widgets with a number greater than ``after``."""
        await self._each_chunk(_WIDGETS, {"after": after}, write, lambda row, _: WidgetEntry(**row))

    async def chargers(self, after: int, write: Write[ChargerEntry]) -> None:
        """Write the registered chargers with a number greater than ``after``."""
        await self._each_chunk(_CHARGERS, {"after": after}, write, _charger)

    async def unregistered_widgets(self, after: int, write: Write[WidgetEntry]) -> None:
        """Write the widgets unregistered with a number greater than ``after``."""
        values = {"kind": "widget", "after": after}
        await self._each_chunk(
            _UNREGISTERED, values, write, lambda row, _: WidgetEntry(**row, registered=False)
        )

    async def unregistered_chargers(self, after: int, write: Write[ChargerEntry]) -> None:
        """Write the chargers unregistered with a number greater than ``after``."""
        values = {"kind": "charger", "after": after}
        await self._each_chunk(
            _UNREGISTERED, values, write, lambda row, _: ChargerEntry(**row, registered=False)
        )

    async def _each_chunk(
        self,
        query: LiteralString | Composed,
        values: dict[str, object],
        write: Write[Entry],
        entry_of: Callable[[DictRow, float], Entry],
    ) -> None:
        # Not an async generator: one that is left early would still hold the cursor when the
        # connection is back in the pool.
        async with server_cursor(self._connection, "directory", dict_row) as cursor:
            await cursor.execute(query, {**values, "only": self._only})
            while True:
                read_at = time.monotonic()
                rows = await cursor.fetchmany(CHUNK)
                if not rows:
                    return
                await write([entry_of(row, read_at) for row in rows])


def _charger(row: DictRow, read_at: float) -> ChargerEntry:
    return ChargerEntry(
        id=row["id"],
        pairing_number=row["pairing_number"],
        widget=row["widget"],
        token=row["token"] or "",
        age_us=row["age_us"] or 0,
        read_at=read_at,
    )


@contextlib.asynccontextmanager
async def take(database: Database) -> AsyncIterator[Snapshot]:
    """Take a snapshot; it lasts as long as the context."""
    async with database.snapshot() as connection:
        yield Snapshot(connection)
