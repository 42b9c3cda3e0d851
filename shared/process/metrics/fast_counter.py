"""A counter for events that come with every frame: it adds, and takes no lock as `Counter` does."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry


class FastCounter(Collector):
    """A counter for one thread; it is collected like any other, under ``name`` and ``_total``.

    Attributes:
        value: The count so far; add to it.
    """

    def __init__(self, name: str, help_text: str, registry: CollectorRegistry = REGISTRY) -> None:
        self._name = name
        self._help = help_text
        self.value = 0
        registry.register(self)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Return the metric in the form that `prometheus_client` collects."""
        yield CounterMetricFamily(self._name, self._help, self.value)
