"""One setting decides whether a cluster is opened; users of the bus cannot tell."""

import random
from dataclasses import dataclass

import pytest

from shared.bus.cluster.cluster_bus import ClusterBus
from shared.bus.cluster.cluster_subscriber import ClusterSubscriber
from shared.bus.factory import open_bus, open_subscriber
from shared.bus.single_server_bus import SingleServerBus
from shared.bus.single_server_subscriber import SingleServerSubscriber


@dataclass(frozen=True)
class Settings:
    redis_url: str = "redis://r1:6379"
    redis_cluster: bool = False


@pytest.mark.parametrize("is_cluster", [False, True])
def test_what_is_opened_is_what_the_settings_say(*, is_cluster: bool) -> None:
    settings = Settings(redis_cluster=is_cluster)
    bus = open_bus(settings, "test")
    subscriber = open_subscriber(settings, "test", random.Random(1))
    assert type(bus) is (ClusterBus if is_cluster else SingleServerBus)
    assert type(subscriber) is (ClusterSubscriber if is_cluster else SingleServerSubscriber)
    assert bus.is_cluster is is_cluster
