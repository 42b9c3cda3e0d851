"""Opening what leads to Redis: the one place that knows whether it is a cluster."""

import random
from typing import Protocol

from shared.bus.bus import Bus
from shared.bus.cluster.cluster_bus import ClusterBus
from shared.bus.cluster.cluster_subscriber import ClusterSubscriber
from shared.bus.subscriber import OnConfirmed, OnMessage, Subscriber


class RedisSettings(Protocol):
    """What `shared.process.settings.Settings` says of Redis."""

    @property
    def redis_url(self) -> str:
        """Where it is."""

    @property
    def redis_cluster(self) -> bool:
        """Whether it is a cluster."""


def open_bus(settings: RedisSettings, name: str) -> Bus:
    """Return a bus; it connects when it is first used.

    Args:
        settings: Of this process.
        name: Shown by ``CLIENT LIST``.
    """
    if settings.redis_cluster:
        return ClusterBus(settings.redis_url, name)
    return Bus(settings.redis_url, name)


def open_subscriber(
    settings: RedisSettings,
    name: str,
    *,
    on_message: OnMessage,
    on_confirmed: OnConfirmed,
    rng: random.Random,
) -> Subscriber:
    """Return a subscriber, which connects in its `run`; for the arguments see there."""
    kind = ClusterSubscriber if settings.redis_cluster else Subscriber
    return kind(settings.redis_url, name, on_message=on_message, on_confirmed=on_confirmed, rng=rng)
