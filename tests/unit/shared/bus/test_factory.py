"""One setting decides whether a cluster is opened, and nobody who uses it can tell."""

import random
from dataclasses import dataclass

import pytest

from shared.bus.bus import Bus
from shared.bus.cluster.cluster_bus import ClusterBus
from shared.bus.cluster.cluster_subscriber import ClusterSubscriber
from shared.bus.factory import open_bus, open_subscriber
from shared.bus.subscriber import Subscriber


@dataclass(frozen=True)
class Settings:
    redis_url: str = "redis://r1:6379"
    redis_cluster: bool = False


@pytest.mark.parametrize("is_cluster", [False, True])
def test_what_is_opened_is_what_the_settings_say(*, is_cluster: bool) -> None:
    settings = Settings(redis_cluster=is_cluster)
    bus = open_bus(settings, "test")
    subscriber = open_subscriber(
        settings,
        "test",
        on_message=lambda _channel, _payload: None,
        on_confirmed=lambda _channels: None,
        rng=random.Random(1),
    )
    assert isinstance(bus, Bus)
    assert isinstance(subscriber, Subscriber)
    assert (type(bus) is ClusterBus) is is_cluster
    assert (type(subscriber) is ClusterSubscriber) is is_cluster
    assert bus.is_cluster is is_cluster
