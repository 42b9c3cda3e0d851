"""What docs/deploy.md says to type fits Compose's files and the chart."""

import re
import shlex
from typing import Any

import pytest
import yaml

from tests.deploy.chart import CHART, ROOT, render
from tests.deploy.checks.reading import SETTINGS, pods

DOCUMENT = (ROOT / "docs/deploy.md").read_text("utf-8")
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


def test_the_values_of_the_example_fit() -> None:
    found = {pod.component for pod in pods(render(values_in(DOCUMENT)))}
    assert found == set(SETTINGS)


def test_the_secrets_are_those_that_pods_take() -> None:
    expected = {
        DEFAULTS[component]["secret"]: set(DEFAULTS[component]["secretSettings"])
        for component in SETTINGS
        # It is made later: it holds an API key.
        if component != "canary"
    }
    assert secrets_in(DOCUMENT) == expected
    for name in DEFAULTS["canary"]["secretSettings"]:
        assert f"`{name}`" in DOCUMENT


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
