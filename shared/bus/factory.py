"""Opening what talks to Redis: the one place that knows whether it is a cluster."""

import random
from collections.abc import Sequence
from typing import Final, Protocol

from shared.bus.bus import Bus
from shared.bus.cluster.cluster_bus import ClusterBus
from shared.bus.cluster.cluster_subscriber import ClusterSubscriber
from shared.bus.connection_metrics import MAIN, ConnectionMetrics, connection_name
from shared.bus.refusals.config_agreement import Agreement
from shared.bus.refusals.redis_check import RedisCheck
from shared.bus.refusals.rights import Rights
from shared.bus.single_server_bus import SingleServerBus
from shared.bus.single_server_subscriber import SingleServerSubscriber
from shared.bus.subscriber import Subscriber

DOORBELLS: Final = "doorbells"
COMMANDS: Final = "commands"


class RedisSettings(Protocol):
    """What `shared.process.settings.Settings` says of Redis."""

    @property
    def redis_url(self) -> str:
        """Where it is."""

    @property
    def redis_cluster(self) -> bool:
        """Whether it is a cluster."""


class ServiceSettings(RedisSettings, Protocol):
    """The same, of a service."""

    instance_id: str
    """In the names of its connections."""


def open_bus(settings: RedisSettings, instance_id: str, purpose: str = MAIN) -> Bus:
    """Return a bus; it connects when it is first used.

    ``CLIENT LIST`` shows whose it is and what it is for, metrics show the latter.
    """
    kind = ClusterBus if settings.redis_cluster else SingleServerBus
    bus = kind(settings.redis_url, connection_name(instance_id, purpose), purpose=purpose)
    _show(purpose, bus)
    return bus


def open_subscriber(
    settings: RedisSettings,
    instance_id: str,
    rng: random.Random,
    purpose: str = DOORBELLS,
    *,
    is_lasting: bool = True,
) -> Subscriber:
    """Return a subscriber; it connects in its `run`.

    ``CLIENT LIST`` shows whose it is and what it is for, metrics show the latter, unless it is one
    of several that do not last.
    """
    kind = ClusterSubscriber if settings.redis_cluster else SingleServerSubscriber
    name = connection_name(instance_id, purpose)
    subscriber = kind(settings.redis_url, name, rng=rng, purpose=purpose)
    if is_lasting:
        _show(purpose, subscriber)
    return subscriber


def _show(purpose: str, connection: Bus | Subscriber) -> None:
    """Show in the metrics whether a connection works, or was not needed yet."""
    ConnectionMetrics(purpose).follow(lambda: connection.connected or connection.trouble is None)


def open_check(
    settings: ServiceSettings,
    rights: Rights,
    agreement: Agreement,
    connections: Sequence[Bus | Subscriber],
    rng: random.Random,
) -> RedisCheck:
    """Return the check of Redis, with a connection of its own besides those of the service."""
    return RedisCheck(
        bus=open_bus(settings, settings.instance_id, "check"),
        rights=rights,
        agreement=agreement,
        connections=connections,
        rng=rng,
    )
