"""Both Composes read every combination of the Compose files that a document names."""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.fixtures.compose_config import (
    CERTIFICATES,
    COMPOSES,
    SECRETS,
    Finder,
    make_secrets,
    read_files,
)
from tests.fixtures.processes import ROOT
from tools.bundle import archive
from tools.bundle.images import Build

ALL: Final = ("production", "cluster", "monitoring", "monitoring-cluster")
FILES: Final = {
    "production": ("production",),
    "cluster": ("cluster",),
    "monitored": ("monitoring",),
    "monitored production": ("production", "monitoring"),
    "monitored cluster": ("cluster", "monitoring", "monitoring-cluster"),
    "production on a cluster": ("production", "cluster"),
    "all": ALL,
}
NODES: Final = {f"redis-{number}" for number in range(1, 7)}
PRODUCTION: Final = [names for names in FILES.values() if "production" in names]
KNOWN: Final = re.compile(r"chargelight(:chargelight)?$|.*:chargelight@")
"""A password that is in this repository, alone or in an address."""
NO_PASSWORD: Final = {"POSTGRES_USER", "POSTGRES_DB", "PGUSER", "PGDATABASE"}
FILE_COUNTS: Final = {"PGPASSWORD"}
"""Where a file counts although there is a value, too."""
Read = Callable[[Finder, tuple[str, ...]], dict[str, Any]]
END_BY_THEMSELVES: Final = {"postgres-owner", "postgres-monitor", "seed", "cli"}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_secrets(tmp_path_factory.mktemp("of-an-operator") / "secrets")


@pytest.fixture(scope="module")
def read(secrets: Path) -> Read:
    """Read files, each combination once, as whoever began with the example of an .env."""
    example = re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    settings = {**dict(example), CERTIFICATES: "/certificates", SECRETS: str(secrets)}
    return functools.cache(lambda find, names: read_files(find, names, settings))


@pytest.mark.parametrize("find", COMPOSES)
@pytest.mark.parametrize("names", FILES.values(), ids=FILES)
def test_compose_reads_the_files(names: tuple[str, ...], find: Finder, read: Read) -> None:
    found = read(find, names) if "production" in names else read_files(find, names, {})
    services = found["services"].keys()
    assert services >= {"gateway", "router", "registry"}
    assert ({"prometheus", "grafana"} <= services) == ("monitoring" in names)
    assert (services >= NODES) == ("cluster" in names)
    assert ("redis-exporter-6" in services) == ("monitoring-cluster" in names)


@pytest.mark.parametrize("find", COMPOSES)
@pytest.mark.parametrize("names", PRODUCTION)
def test_in_production_every_secret_is_a_file_of_the_operators(
    names: tuple[str, ...], find: Finder, read: Read, secrets: Path
) -> None:
    found = read(find, names)
    files = {name: Path(secret["file"]) for name, secret in found["secrets"].items()}
    assert files
    for name, path in files.items():
        assert path == secrets / name
        assert path.read_text().strip() not in ("", "chargelight")
    for name, service in found["services"].items():
        given = _environment(service)
        known = {key for key, text in given.items() if KNOWN.match(text)}
        assert known <= NO_PASSWORD | FILE_COUNTS, name
        mounted = {_source(secret) for secret in service.get("secrets", ())}
        used = {Path(text).name for text in given.values() if text.startswith("/run/secrets/")}
        assert used <= mounted, name
        # No secret is there both ways, which services refuse.
        values = {key.removesuffix("_FILE") for key in given if key.endswith("_FILE")}
        both = {key for key in values if given.get(key)}
        assert both <= FILE_COUNTS, name


@pytest.mark.parametrize("find", COMPOSES)
@pytest.mark.parametrize("names", PRODUCTION)
def test_in_production_no_port_is_open_but_those_of_this_machine(
    names: tuple[str, ...], find: Finder, read: Read
) -> None:
    services = read(find, names)["services"]
    ports = {name: _addresses(service.get("ports", ())) for name, service in services.items()}
    assert {name for name, addresses in ports.items() if addresses} <= {
        *("loadbalancer", "prometheus", "alertmanager", "grafana")
    }
    assert {address for addresses in ports.values() for address in addresses} == {"127.0.0.1"}


@pytest.mark.parametrize("find", COMPOSES)
def test_all_of_production_is_confined_bounded_and_watched(find: Finder, read: Read) -> None:
    found = read(find, ALL)
    for name, service in found["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["cpus"], name
        assert service["pids_limit"], name
        assert ("healthcheck" in service) == (name not in END_BY_THEMSELVES), name


@pytest.mark.parametrize("find", COMPOSES)
def test_each_node_keeps_its_data_in_a_volume_of_its_own_and_each_primary_has_a_replica(
    find: Finder, read: Read
) -> None:
    found = read(find, ALL)
    services = found["services"]
    volumes = {name: _volume_at("/data", services[name]) for name in NODES}
    assert len(set(volumes.values())) == len(NODES)
    assert set(volumes.values()) < found["volumes"].keys()
    for name in NODES:
        options = " ".join(services[name]["command"])
        assert "--appendonly yes" in options
        assert "--maxmemory-policy noeviction" in options
    _, *pairs = services["redis"]["command"]
    assert len(pairs) == 3
    assert {node.partition(":")[0] for pair in pairs for node in pair.split("/")} == NODES
    assert services["redis"]["depends_on"].keys() == NODES
    assert services["redis"]["healthcheck"]["test"][-3:] == pairs


@pytest.mark.parametrize("find", COMPOSES)
def test_each_node_is_at_a_port_of_its_own_for_all_that_reach_it(
    find: Finder, read: Read, secrets: Path
) -> None:
    services = read(find, ALL)["services"]
    nodes = {f"{name}:{_environment(services[name])['PORT']}" for name in NODES}
    assert len({node.partition(":")[2] for node in nodes}) == len(NODES)
    _, *pairs = services["redis"]["command"]
    assert {node for pair in pairs for node in pair.split("/")} == nodes
    for service in ("gateway", "router", "registry"):
        url = (secrets / f"redis-{service}-cluster-url").read_text().strip()
        assert set(url.partition("@")[2].split(",")) == nodes
    watched = {_environment(service).get("REDIS_ADDR") for service in services.values()}
    assert watched - {None} == {f"redis://{node}" for node in nodes}


@pytest.mark.parametrize("find", COMPOSES)
def test_a_bundle_has_all_that_compose_mounts(find: Finder, read: Read, tmp_path: Path) -> None:
    archive.place_files(tmp_path, Build("1.0", "c0ffee", "amd64"))
    # The trial's secrets, and whatever else only one of them mounts.
    for found in (read(find, ALL), read_files(find, FILES["monitored cluster"], {})):
        sources = [source for each in found["services"].values() for source, _ in _mounts(each)]
        sources += [secret["file"] for secret in found["secrets"].values()]
        ours = {Path(each).relative_to(ROOT) for each in sources if _is_in(ROOT, each)}
        assert len(ours) > 10
        assert {path for path in ours if not (tmp_path / "hub" / path).exists()} == set()


def _environment(service: Mapping[str, Any]) -> dict[str, str]:
    given = service.get("environment") or {}
    return {name: "" if text is None else str(text) for name, text in given.items()}


def _source(secret: Any) -> str:
    return str(secret["source"] if isinstance(secret, dict) else secret)


def _addresses(ports: Iterable[Any]) -> list[str]:
    """Return at which address of this machine each port is published; empty: at every one."""
    return [
        str(port.get("host_ip", ""))
        if isinstance(port, dict)
        else port.rpartition(":")[0].rpartition(":")[0]
        for port in ports
    ]


def _volume_at(folder: str, service: Mapping[str, Any]) -> str:
    return next((source for source, target in _mounts(service) if target == folder), "")


def _mounts(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is mounted, a path or a volume, and where."""
    for each in service.get("volumes", ()):
        if isinstance(each, dict):
            yield each.get("source", ""), each["target"]
        else:
            source, target, *_ = each.split(":")
            yield source, target


def _is_in(folder: Path, path: str) -> bool:
    return Path(path).is_relative_to(folder)
