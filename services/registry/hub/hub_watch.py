"""What this registry sees of the hub: from memory, so also while Redis or Postgres is away."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from services.registry.hub.postgres_watch import PostgresWatch
from services.registry.hub.redis_watch import RedisWatch
from services.registry.hub.view import Hub, Seen, hub_view
from shared.reporting.reporter import Reporter


@dataclass(eq=False, repr=False)
class HubWatch:
    """Everything that is seen of the hub."""

    reporter: Reporter
    """Of this registry."""
    redis: RedisWatch
    postgres: PostgresWatch
    partitions: int

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
        )
        return hub_view(seen, datetime.now(UTC), time.monotonic())
