"""The Helm chart: rendered by Helm's own library, and read again."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "deploy/kubernetes/chargelight"
VALUES: Final = {
    path.stem: path
    for path in (
        *sorted((ROOT / "tests/deploy/values").glob("*.yml")),
        ROOT / "deploy/kubernetes/trying-out.yaml",
    )
}
"""Sets of values, each with its file."""

Manifest: TypeAlias = dict[str, Any]


def library(name: str) -> Any:
    """Return a validator, or skip the test."""
    return pytest.importorskip(
        name, reason=f"{name} is in the dependency group `validators` of pyproject.toml"
    )


@cache
def manifests_of(values: str) -> tuple[Manifest, ...]:
    """Return what a set of values renders. Copy it before you change it."""
    return tuple(render(yaml.safe_load(VALUES[values].read_text("utf-8"))))


def render(values: Mapping[str, Any], release: str = "chargelight") -> list[Manifest]:
    """Render the chart."""
    with library("helm_python").Chart.load(str(CHART)) as chart:
        chart.validate_schema(dict(values))
        texts = chart.render(dict(values), name=release, namespace="hub")
    return [manifest for text in texts.values() for manifest in read(text)]


def read(text: str) -> Iterator[Manifest]:
    """Yield the manifests in a text."""
    yield from filter(None, yaml.safe_load_all(text))
