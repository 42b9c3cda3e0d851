"""The metrics of all workers as one text that Prometheus can read.

Summing would lose what is needed most: which process is busy or grows. So each series
gets the label ``worker``, and sums are left to whoever asks.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

LABEL = "worker"


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def merged(texts: Mapping[str, bytes]) -> bytes:
    """Return one exposition of several, each name with one HELP and one TYPE.

    Args:
        texts: What each worker says at ``/metrics``, by its name.
    """
    families: dict[str, Metric] = {}
    for worker, text in texts.items():
        for family in text_string_to_metric_families(text.decode()):
            into = families.get(family.name)
            if into is None:
                into = Metric(family.name, family.documentation, family.type)
                families[family.name] = into
            into.samples += _labelled(family, worker)
    return generate_latest(_Families(families.values()))


def own(registry: CollectorRegistry) -> bytes:
    """Return what the parent says of itself."""
    return generate_latest(registry)


def _labelled(family: Metric, worker: str) -> Iterator[Sample]:
    for sample in family.samples:
        yield sample._replace(labels={**sample.labels, LABEL: worker})
