"""Every metric that a document names is served, and every one that is served is documented.

How many series there are does not depend on how many devices there are.
"""

import functools
import re
from pathlib import Path
from typing import Final

import pytest

from services.gateway.settings import GatewaySettings
from services.gateway.workers.parent import Parent
from tests.fixtures.exposition import exposition_of, families_of, series_of

ROOT: Final = Path(__file__).parents[2]
SERVICES: Final = ("gateway", "router", "registry", "canary")
MOST_SERIES: Final = {"gateway": 300, "router": 300, "registry": 600, "canary": 300}
WITHOUT_REDIS: Final = re.compile(r"chargelight_(redis_|keys_repaired)")
OUTSIDE_PROJECT: Final = {"chargelight_test"}
"""A database of an example."""

EVERY_SERVICE: Final = "Every service"
WORKERS: Final = "Gateway with"
NAME: Final = re.compile(r"\bchargelight_[a-z0-9_]+")
SUFFIX: Final = re.compile(r"_(?:bucket|sum|count)$")


@functools.cache
def documented() -> dict[str, set[str]]:
    """Return the names in each table of operations.md, by the table's title."""
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    (section,) = re.findall(r"^## Metrics\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    tables = re.findall(r"^\| ([A-Z][^|]*?) \| \|\n\|[-|]+\n((?:\|.*\n)+)", section, re.MULTILINE)
    return {
        title.partition(" [")[0]: set(NAME.findall("".join(row.split("|")[1] for row in rows)))
        for title, rows in ((title, rows.splitlines()) for title, rows in tables)
    }


def mentioned() -> dict[str, set[str]]:
    """Return the names in documents and in what is deployed, by file."""
    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("docker-compose.yml")]
    files += [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    found = {path: set(NAME.findall(path.read_text("utf-8"))) for path in files}
    return {path.name: names for path, names in found.items() if names}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_serves_what_is_documented_and_nothing_else(service: str) -> None:
    tables = documented()
    served = families_of(await exposition_of(service))
    expected = tables[EVERY_SERVICE] | tables[service.capitalize()]
    if service == "canary":
        expected = {name for name in expected if not WITHOUT_REDIS.match(name)}
    assert served == expected


async def test_the_parent_of_workers_adds_what_is_documented() -> None:
    text = await Parent(GatewaySettings(workers=2), {}).metrics()
    assert families_of(text.decode()) == documented()[WORKERS]


def test_every_metric_that_is_mentioned_anywhere_is_documented() -> None:
    known = set().union(*documented().values())
    assert len(known) > 60
    unknown = {
        (file, name)
        for file, names in mentioned().items()
        for name in names
        if name not in known and SUFFIX.sub("", name) not in known
    }
    assert {each for each in unknown if each[1] not in OUTSIDE_PROJECT} == set()


@pytest.mark.parametrize("service", SERVICES)
async def test_series_are_few_and_there_from_the_start(service: str) -> None:
    text = await exposition_of(service)
    series = series_of(text)
    assert len(series) <= MOST_SERIES[service]
    # A name without a series is one whose labels are not known in advance.
    shown = {SUFFIX.sub("", name) for name, _ in series} | {name for name, _ in series}
    assert families_of(text) - shown <= {
        "chargelight_build_info",  # `main` says it
        "chargelight_certificate_days",  # of files that settings name
    }


@pytest.mark.parametrize("service", ["gateway", "router"])
async def test_there_are_as_many_series_with_many_devices_as_with_ten(service: str) -> None:
    few, many = [await exposition_of(service, devices) for devices in (10, 500)]
    assert series_of(few) == series_of(many)
    work = {
        "gateway": "chargelight_readings_received_total",
        "router": "chargelight_route_seconds_count",
    }
    assert f"\n{work[service]} 500.0\n" in many
