"""The metrics of all workers as one text that Prometheus can read.

A sum would lose what is needed most: which process is busy or grows. So each series
gets the label ``worker``, and sums are left to queries. A sum made here would also fall
when a worker ends, and Prometheus would take that for a counter that began again.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import generate_latest
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


def merge(texts: Mapping[str, bytes]) -> bytes:
    """Return one exposition made of those of all workers, by their numbers.

    Each name has one HELP and one TYPE.
    """
    families: dict[str, Metric] = {}
    for worker, text in texts.items():
        for family in text_string_to_metric_families(text.decode()):
            into = families.get(family.name)
            if into is None:
                into = Metric(family.name, family.documentation, family.type)
                families[family.name] = into
            into.samples += _label(family, worker)
    return generate_latest(_Families(families.values()))


def _label(family: Metric, worker: str) -> Iterator[Sample]:
    for sample in family.samples:
        yield sample._replace(labels={**sample.labels, LABEL: worker})
