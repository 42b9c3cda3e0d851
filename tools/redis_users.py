"""Writes the users of Redis, one per service with only the rights that it needs.

    python -m tools.redis_users

All is made of the map of names (``shared/contract/names.py``) and of the services' scripts. A test
fails while the files in ``deploy/redis`` are not what this writes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from services.gateway.redis_check import RIGHTS as GATEWAY
from services.registry.redis_check import RIGHTS as REGISTRY
from services.router.redis_check import RIGHTS as ROUTER
from shared.bus.refusals.rights import Rights
from shared.contract.names import ACCESS, AGREEMENTS, HUB_KEYS, PREFIX, key_pattern

RIGHTS: Final[Mapping[str, Rights]] = {
    "gateway": GATEWAY,
    "router": ROUTER,
    "registry": REGISTRY,
}
FOLDER: Final = Path(__file__).parents[1] / "deploy" / "redis"

_READABLE: Final = sorted(
    {part for each in ACCESS.values() for part in (*each.reads, *each.writes)} - {"credentials"}
)
OPERATOR: Final = (
    *(f"%R~{key_pattern(part)}" for part in (*_READABLE, "agreements")),
    f"%R~{HUB_KEYS}",
    *(f"&{PREFIX}*", "+@read", "-@dangerous", "+ping", "+info", "+time", "+role", "+type"),
    *("+scan", "+pubsub", "+subscribe", "+psubscribe", "+unsubscribe", "+punsubscribe"),
    *("+client|list", "+client|setname", "+slowlog|len", "+command"),
    *("+cluster|info", "+cluster|nodes", "+cluster|slots", "+ssubscribe", "+sunsubscribe"),
    f"(+hdel ~{AGREEMENTS})",
)
"""A person who looks inside with redis-cli: everything but devices' credentials.
It writes nothing, but removes what is agreed on, when that changes."""
MONITOR: Final = (
    *("+ping", "+info", "+dbsize", "+time", "+role", "+slowlog|len", "+latency|latest"),
    *("+client|setname", "+cluster|info"),
)
"""A metrics exporter: figures, and no key."""
REPLICA: Final = ("+ping", "+psync", "+replconf")
"""A replica, at its primary."""
ADMIN: Final = ("~*", "&*", "+@all")
"""A person who changes settings and users, and joins nodes to a cluster."""


def users(*, is_cluster: bool = False) -> str:
    """Return a file of users without their passwords: each stands behind ``on``.

    Redis takes it as ``aclfile`` once the passwords are in (``deploy/redis/start``).
    """
    services = {name: rights.rules(is_cluster=is_cluster) for name, rights in RIGHTS.items()}
    people = {"operator": OPERATOR, "monitor": MONITOR, "replica": REPLICA, "admin": ADMIN}
    lines = [
        f"user {PREFIX}-{name} on {' '.join(rules)}" for name, rules in (services | people).items()
    ]
    return "\n".join(["user default off", *lines, ""])


def oldest_users() -> str:
    """Return the same for Redis 6.2, of the services only."""
    lines = [
        f"user {PREFIX}-{name} on {' '.join(rights.flat_rules())}"
        for name, rights in RIGHTS.items()
    ]
    return "\n".join(["user default off", *lines, ""])


def files() -> dict[str, str]:
    """Return the content of each file in `FOLDER`, by its name."""
    return {
        "users.acl": users(),
        "users-cluster.acl": users(is_cluster=True),
        "users-6.2.acl": oldest_users(),
    }


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
