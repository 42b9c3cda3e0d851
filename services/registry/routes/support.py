"""REST: the hub as a whole, and what remote support asks for first."""

import platform
import re
from typing import Any, Final

from psycopg.rows import dict_row
from pydantic import BaseModel, Field

from services.registry.access.protection import Protection, seen_by
from services.registry.api.guarded_route import GuardedRouter
from services.registry.hub.view import BackupsInView, Hub
from services.registry.live.state_reader import StateReader
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.routes.dependencies import Parts, PartsDep
from shared.bus.bus import BusUnavailableError
from shared.process import logs
from shared.version import VERSION

_COUNTS: Final = """
    SELECT (SELECT count(*) FROM chargers WHERE NOT canary) AS chargers,
           (SELECT count(*) FROM widgets WHERE NOT canary) AS widgets,
           (SELECT count(*) FROM pairings JOIN chargers ON chargers.id = charger_id
            WHERE NOT canary) AS pairings,
           (SELECT count(*) FROM rentals) AS rentals,
           (SELECT count(*) FROM rentals WHERE collected_at IS NULL) AS open_rentals,
           (SELECT count(*) FROM audit_log) AS audit_entries,
           (SELECT count(*) FROM chargers WHERE auth = 'any' AND NOT EXISTS (
               SELECT FROM charger_secrets WHERE device_id = chargers.id
            ) AND position(':' IN id) = 0) AS chargers_without_secrets,
           (SELECT count(*) FROM widgets WHERE auth = 'any' AND NOT EXISTS (
               SELECT FROM widget_secrets WHERE device_id = widgets.id
            )) AS widgets_without_secrets
"""
_REDIS_VERSION: Final = re.compile(r"^redis_version:(\S+)", re.MULTILINE)


class Support(BaseModel):
    """A registry, and what it sees of the hub. There is no secret in it, and no ticket."""

    versions: dict[str, str] = Field(
        description="Of Chargelight, Python and the servers",
        examples=[{"chargelight": "0.1.0", "postgres": "15.4"}],
    )
    settings: dict[str, Any] = Field(
        description="Of this registry, without those with secrets", examples=[{"port": 3300}]
    )
    not_ready_because: str | None = Field(
        description="As its /readyz says; null: it is ready", examples=["postgres is away"]
    )
    gateways: list[str] | None = Field(
        description="That live; null: Redis is away", examples=[["gateway-1"]]
    )
    routers: list[str] | None = Field(
        description="That have work; null: Redis is away", examples=[["router-1"]]
    )
    counts: dict[str, int] | None = Field(
        description="How many there are of what; null: Postgres is away", examples=[{"widgets": 8}]
    )
    backups: BackupsInView | None = Field(
        description="The backups on a timer; null: this registry takes none"
    )
    protection: Protection = Field(description="What protects the hub, as this registry sees it")
    log: list[str] = Field(
        description="The last lines of this registry's log, the oldest first", examples=[[]]
    )


routes = GuardedRouter(tags=["live"])


@routes.get(
    "/hub",
    operation_id="get_hub",
    summary="The hub at a glance: its instances, Redis, Postgres, what waits, what happened",
    description="From the memory of the registry that answers, which looks about every 2 s: so "
    "also while Redis or Postgres is away, with the age of what it saw last.",
)
async def hub(parts: PartsDep) -> Hub:
    return parts.hub()


@routes.get(
    "/support",
    operation_id="get_support",
    summary="Get what remote support asks for first",
    description="About the registry that answers. Also while Postgres or Redis is away.",
)
async def support(parts: PartsDep) -> Support:
    postgres = await _in_postgres(parts)
    protection = postgres.pop("protection", {})
    redis = await _in_redis(parts.reader)
    return Support(
        versions={
            "chargelight": VERSION,
            "python": platform.python_version(),
            "postgres": postgres.pop("version", "away"),
            "redis": redis.pop("version", "away"),
        },
        settings=dict(parts.instance.settings),
        not_ready_because=parts.instance.not_ready_because(),
        gateways=redis.get("gateways"),
        routers=redis.get("routers"),
        counts=postgres or None,
        backups=parts.hub().backups,
        protection=parts.instance.protection.model_copy(update=protection),
        log=logs.recent_lines(),
    )


async def _in_postgres(parts: Parts) -> dict[str, Any]:
    """Return the version and the counts; nothing, while Postgres is away."""
    try:
        former = await parts.hasher.count_former()
        async with parts.database.connection() as connection:
            version = connection.info.parameter_status("server_version") or "unknown"
            async with connection.cursor(row_factory=dict_row) as cursor:
                await cursor.execute(_COUNTS)
                counts = await cursor.fetchone() or {}
            protection = await seen_by(connection)
    except PostgresUnavailableError:
        return {}
    counts["secrets_of_former_keys"] = former
    return {"version": version, "protection": protection, **counts}


async def _in_redis(reader: StateReader) -> dict[str, Any]:
    """Return the version and the living gateways; nothing, while Redis is away."""
    try:
        found = _REDIS_VERSION.search("".join(await reader.server_info()))
        gateways, routers = await reader.instances()
    except BusUnavailableError:
        return {}
    version = found[1] if found else "unknown"
    return {"version": version, "gateways": gateways, "routers": routers}
