"""What protects the hub, as one registry sees it: `chargelight doctor` judges it."""

from typing import Final

from pydantic import BaseModel, Field

from services.registry.access import api_keys
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_value

_ROLE: Final = """
    SELECT CASE
        WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 'superuser'
        WHEN (SELECT pg_has_role(relowner, 'MEMBER')
              FROM pg_class WHERE oid = 'audit_log'::regclass) THEN 'owner'
        ELSE 'restricted'
    END
"""


class Protection(BaseModel):
    """What protects the hub. There is no secret in it."""

    warnings: list[str] = Field(
        default_factory=list,
        description="About settings of this registry that are not safe",
        examples=[[]],
    )
    bootstrap_key: bool = Field(default=False, description="Whether the bootstrap key is set")
    former_digest_key: bool = Field(
        default=False, description="Whether the former key of the secrets' digests is set"
    )
    redis_user: str = Field(
        default="default",
        description="This registry's user of Redis; `default`: it names none",
        examples=["chargelight-registry"],
    )
    postgres_role: str | None = Field(
        default=None,
        description="What its user of Postgres is: `superuser`, `owner` of the tables, or "
        "`restricted`; null: Postgres is away",
        examples=["restricted"],
    )
    unattributed_keys: list[str] | None = Field(
        default=None,
        description="Ids of the valid API keys that no known operator made; null: Postgres is away",
        examples=[[]],
    )


async def seen_by(connection: Connection) -> dict[str, object]:
    """Return the members of `Protection` that only Postgres knows."""
    keys = await api_keys.list_unattributed(connection)
    return {
        "postgres_role": await fetch_value(connection, _ROLE),
        "unattributed_keys": [key.id for key in keys],
    }
