"""Wrong secrets of devices in the audit log. Gateways have no Postgres: they note them in Redis.

An attacker who tries a thousand secrets a second makes one entry of an id and address in ten
minutes, and with ever new ids a few a minute. All registries look; what one has written, the
others leave.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg.types.json import Jsonb

from services.registry.live.redis_values import RefusedItem
from services.registry.live.refused import shown
from services.registry.live.state_reader import StateReader
from services.registry.postgres.actor import REGISTRY
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database
from shared.bus.bus import BusUnavailableError
from shared.contract.presence import RefusalReason
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

LOOK_SECONDS: Final = 60.0
MOST_AT_ONCE: Final = 20
"""Entries that are written at a look; the rest is one more, with their number."""
_REASONS: Final = {RefusalReason.UNAUTHORIZED, RefusalReason.CERTIFICATE}

# The writers of a transaction of the directory come one after the other.
_INSERT: Final = """
    INSERT INTO audit_log (who, address, action, kind, subject, details)
    SELECT 'nobody', nullif(%(address)s, ''), 'refused', %(kind)s, %(subject)s, %(details)s
    WHERE NOT EXISTS (
        SELECT FROM audit_log
        WHERE subject = %(subject)s AND kind = %(kind)s AND action = 'refused'
          AND coalesce(address, '') = %(address)s
          AND at > clock_timestamp() - interval '10 minutes'
    )
"""

_log = logs.get(__name__)


@dataclass(eq=False, repr=False)
class RefusedDevices:
    """Looks at those who were refused, about once a minute."""

    database: Database
    states: StateReader
    rng: random.Random
    look_seconds: float = LOOK_SECONDS

    def __post_init__(self) -> None:
        self._failures = RateLimitedLog(_log, "refused devices cannot be written to the audit log")
        self._seen_until = 0
        """In µs, by Redis' clock: those whose last refusal is older were looked at."""

    async def run(self) -> None:
        """Write until cancelled."""
        await self.database.migrated.wait()
        while True:
            try:
                await self.write()
            except (BusUnavailableError, PostgresUnavailableError) as error:
                self._failures.log(error)
            await asyncio.sleep(self.look_seconds * self.rng.uniform(0.8, 1.0))

    async def write(self) -> None:
        """Write who was refused since the last look.

        Raises:
            BusUnavailableError: Redis is away.
            PostgresUnavailableError: Postgres is away.
        """
        items = [
            item
            for item in await self.states.refused()
            if item.reason in _REASONS and item.times.at > self._seen_until
        ]
        if not items:
            return
        rows = rows_of(items)
        async with self.database.write_transaction(REGISTRY) as connection:
            await connection.cursor().executemany(_INSERT, rows)
        self._seen_until = items[0].times.at
        for row in rows:
            _log.warning("devices refused", **{name: row[name] for name in _LOGGED})


_LOGGED: Final = ("kind", "subject", "address", "count")


def rows_of(items: Sequence[RefusedItem]) -> list[dict[str, Any]]:
    """Return the entries for these items, the newest first; of the rest one."""
    rows = [_row(item) for item in items[:MOST_AT_ONCE]]
    if rest := items[MOST_AT_ONCE:]:
        count = sum(item.times.count for item in rest)
        rows.append(_entry(rest[0].kind, "others", "", count, reason="various"))
    return rows


def _row(item: RefusedItem) -> dict[str, Any]:
    found = shown(item)
    subject = found.id or found.path or "unknown"
    return _entry(item.kind, subject, item.address, item.times.count, item.reason)


def _entry(kind: str, subject: str, address: str, count: int, reason: str) -> dict[str, Any]:
    details = Jsonb({"count": count, "reason": reason})
    return {
        "kind": kind,
        "subject": subject,
        "address": address,
        "count": count,
        "details": details,
    }
