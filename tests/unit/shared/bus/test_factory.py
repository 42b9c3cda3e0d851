"""One setting decides whether a cluster is opened; users of the bus cannot tell."""

import random
from dataclasses import dataclass

import pytest
from prometheus_client import REGISTRY

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


@pytest.mark.parametrize("is_cluster", [False, True])
def test_only_a_subscriber_that_lasts_is_shown_as_connected_or_not(*, is_cluster: bool) -> None:
    purpose = f"test-{is_cluster}"

    def shown() -> float | None:
        return REGISTRY.get_sample_value("chargelight_redis_connected", {"connection": purpose})

    settings = Settings(redis_cluster=is_cluster)
    open_subscriber(settings, "test", random.Random(1), purpose, is_lasting=False)
    assert shown() is None
    open_subscriber(settings, "test", random.Random(1), purpose)
    assert shown() == 1
