"""Counting what happens once per frame: an addition, where a `Counter` takes a lock."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry


class FastCounter(Collector):
    """A counter for one thread, in the metrics like any other.

    Args:
        name: Of the metric, without ``_total``.
        text: What it counts.
        registry: Where it is collected from.

    Attributes:
        value: How many so far; add to it.
    """

    __slots__ = ("_name", "_text", "value")

    def __init__(self, name: str, text: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._name = name
        self._text = text
        self.value = 0
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the metric, as `prometheus_client` asks for it."""
        yield CounterMetricFamily(self._name, self._text, self.value)
