"""Why a service is not ready: a text for people, and a reason that alerts can count on."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry


class Reason(StrEnum):
    """Why a service is not ready: a closed set."""

    STARTING = "starting"
    """It does not work yet."""
    STOPPING = "stopping"
    """It was asked to stop."""
    REDIS_REFUSES = "redis_refuses"
    """Redis refuses something; a person must act."""
    REDIS_AWAY = "redis_away"
    """There is no connection to Redis."""
    REDIS_UNHEARD = "redis_unheard"
    """What is published in Redis does not arrive."""
    REPLICAS = "replicas"
    """Replicas of Redis lack readings, so these are not acknowledged."""
    DIRECTORY = "directory"
    """The directory is not in Redis, or is wrong there."""
    NOT_JOINED = "not_joined"
    """The router is not among those that share the partitions."""
    POSTGRES = "postgres"
    """Postgres is away, or refuses."""


class NotReady(NamedTuple):
    """Why a service is not ready."""

    reason: Reason
    text: str
    """As ``/readyz`` says it."""


AskReadiness = Callable[[], NotReady | None]
"""Returns why the service is not ready, or None when it is."""

_STARTING = NotReady(Reason.STARTING, "starting")


class ReadinessMetrics(Collector):
    """Two gauges: whether the process is ready, and for each reason whether it is the present one.

    It is starting until `follow` is called.
    """

    def __init__(
        self,
        ready: str,
        ready_help: str,
        not_ready: str,
        not_ready_help: str,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._ready = ready, ready_help
        self._not_ready = not_ready, not_ready_help
        self._ask: AskReadiness = lambda: _STARTING
        registry.register(self)

    def follow(self, ask: AskReadiness) -> None:
        """Show from now on what ``ask`` returns, which is called for each scrape."""
        self._ask = ask

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the metrics in the form that `prometheus_client` collects."""
        found = self._ask()
        yield GaugeMetricFamily(*self._ready, value=float(found is None))
        family = GaugeMetricFamily(*self._not_ready, labels=["reason"])
        for reason in Reason:
            family.add_metric([reason], float(found is not None and found.reason is reason))
        yield family


def text_of(found: NotReady | None) -> str | None:
    """Return what ``/readyz`` says: nothing of a service that is ready."""
    return None if found is None else found.text
