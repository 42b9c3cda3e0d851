"""What this registry sees of the hub: from memory, so also while Redis or Postgres is away."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from services.registry.hub.postgres_watch import PostgresWatch
from services.registry.hub.redis_watch import RedisLook, RedisWatch
from services.registry.hub.view import BackupsLook, Hub, Seen, hub_view
from shared.contract.instances import LOST_SECONDS
from shared.reporting.reporter import Reporter


@dataclass(eq=False, repr=False)
class HubWatch:
    """Everything that is seen of the hub."""

    reporter: Reporter
    """Of this registry."""
    redis: RedisWatch
    postgres: PostgresWatch
    partitions: int
    backups: Callable[[], BackupsLook | None] = lambda: None

    def view(self) -> Hub:
        """Return what is seen now."""
        seen = Seen(
            registry=self.reporter.instance_id,
            own_line=self.reporter.line(),
            partitions=self.partitions,
            redis=self.redis.look,
            redis_trouble=self.redis.trouble,
            events=list(self.redis.events.values()),
            postgres=self.postgres.look,
            postgres_trouble=self.postgres.trouble,
            backups=self.backups(),
        )
        return hub_view(seen, datetime.now(UTC), time.monotonic())

    def is_first_registry(self) -> bool:
        """Tell whether this is the first, by name, of the registries that were heard of lately.

        So one of them does what need not be done twice. For a moment two may.
        """
        look = self.redis.look
        return look is None or is_first(self.reporter.instance_id, look)


def is_first(own_id: str, look: RedisLook) -> bool:
    """Tell whether no living registry's name comes before this one's."""
    return not any(
        name < own_id and heard.line is not None and heard.line.service == "registry"
        for name, heard in look.instances.items()
        if abs(look.now - heard.at) <= LOST_SECONDS * 1_000_000
    )
