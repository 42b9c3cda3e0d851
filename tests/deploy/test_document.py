"""What docs/deploy.md and docs/upgrade.md say to type fits Compose's files and the chart."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.chart import CHART, ROOT, render
from tests.deploy.checks.reading import SETTINGS, pods

DOCUMENT = (ROOT / "docs/deploy.md").read_text("utf-8")
UPGRADE = (ROOT / "docs/upgrade.md").read_text("utf-8")
BOTH = DOCUMENT + UPGRADE
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))


def values_in(text: str) -> dict[str, Any]:
    """Return the values of the document's example."""
    (block,) = re.findall(r"`hub\.yaml`:\n\n +```\n(.*?)```", text, re.DOTALL)
    values: dict[str, Any] = yaml.safe_load(block)
    return values


def secrets_in(text: str) -> dict[str, set[str]]:
    """Return the Secrets that the document makes, with their keys."""
    commands = re.findall(r"^ *kubectl -n hub create secret generic (.*)$", text, re.MULTILINE)
    words = [shlex.split(command) for command in commands]
    return {
        name: {each.partition("=")[0] for each in options if "=" in each}
        for name, *options in words
    }


def test_compose_gets_the_settings_that_production_asks_for() -> None:
    production = (ROOT / "deploy/compose/production.yml").read_text("utf-8")
    required = set(re.findall(r"\$\{(\w+):?\?", production))
    written = set(re.findall(r"^ +(\w+)=", DOCUMENT, re.MULTILINE))
    assert required <= written
    assert "CHARGELIGHT_COMPOSE_SECRETS" in required


def test_redis_is_upgraded_before_the_services_with_all_its_nodes() -> None:
    upgraded = re.findall(r"^ *docker-compose up -d --no-deps (.*)$", UPGRADE, re.MULTILINE)
    cluster = yaml.safe_load((ROOT / "deploy/compose/cluster.yml").read_text("utf-8"))["services"]
    nodes = {name for name, service in cluster.items() if "hostname" in service}
    assert upgraded[:4] == ["--force-recreate redis", "registry", "router", "gateway"]
    option, *named = upgraded[4].split()
    assert option == "--force-recreate"
    assert set(named) == nodes | {"redis"}
    assert len(nodes) > 1


def test_the_values_of_the_example_fit() -> None:
    found = {pod.component for pod in pods(render(values_in(DOCUMENT)))}
    assert found == set(SETTINGS)


def test_the_bootstrap_key_is_left_out_as_the_document_says() -> None:
    name = "CHARGELIGHT_REGISTRY_ADMIN_KEY_FILE"
    (block,) = re.findall(r"leaves the bootstrap key out.*?```\n(.*?)```", DOCUMENT, re.DOTALL)
    (before,) = pods(render(values_in(DOCUMENT)), "registry")
    (after,) = pods(render(values_in(DOCUMENT) | yaml.safe_load(block)), "registry")
    assert name in before.environment
    assert set(before.environment) - set(after.environment) == {name}


def test_the_secrets_are_those_that_pods_take() -> None:
    expected = {
        DEFAULTS[component]["secret"]: set(DEFAULTS[component]["secretSettings"])
        for component in SETTINGS
    }
    assert secrets_in(DOCUMENT) == expected


@pytest.mark.parametrize("name", ["tls", "trust"])
def test_the_certificates_are_those_that_pods_take(name: str) -> None:
    values = DEFAULTS | values_in(DOCUMENT)
    kind, made = {"tls": ("secret tls", "secret"), "trust": ("configmap", "configMap")}[name]
    assert f"kubectl -n hub create {kind} {values[name][made]} " in DOCUMENT
    if name == "trust":
        assert f"--from-file {values[name]['hubCa']}=" in DOCUMENT


def test_the_versions_are_those_of_the_chart() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    (oldest,) = re.findall(r">=(\d+\.\d+)", chart["kubeVersion"])
    assert f"Kubernetes {oldest} and newer" in DOCUMENT
    assert f"Kubernetes {oldest} and 1." in DOCUMENT


def unknown_values(text: str) -> Iterator[str]:
    """Yield the values that a text names or sets, and the chart does not have."""
    pairs = [pair for list_ in re.findall(r"--set ([^\s`]+)", text) for pair in list_.split(",")]
    named = re.findall(r"`(\w+(?:\.\w+)+)`", text)
    for name in (
        *(pair.partition("=")[0] for pair in pairs),
        *(name for name in named if name.partition(".")[0] in DEFAULTS),
    ):
        found: Any = DEFAULTS
        for part in name.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is None:
            yield name


def unknown_resources(text: str) -> Iterator[str]:
    """Yield what a text names as kubectl does, and the example's hub does not have."""
    manifests = render(values_in(DOCUMENT))
    there = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in manifests}
    named = set(re.findall(r"\b(?:deployment|job|service)/[\w-]+", text))
    yield from sorted(named - there)


def test_values_that_are_named_or_set_are_those_of_the_chart() -> None:
    assert list(unknown_values(BOTH)) == []
    assert list(unknown_values("--set gateway.tag=1,gateway.tags=2 `tls.secrets`")) == [
        "gateway.tags",
        "tls.secrets",
    ]


def test_what_kubectl_is_told_of_is_what_the_chart_makes() -> None:
    assert list(unknown_resources(BOTH)) == []
    assert list(unknown_resources("service/registry deployment/chargelight-gateway")) == [
        "service/registry"
    ]
