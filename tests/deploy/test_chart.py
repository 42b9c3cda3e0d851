"""The chart, rendered for five sets of values."""

import os
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.gateway.settings import _LONGEST_ID
from shared.process.secret_files import SUFFIX
from shared.version import VERSION
from tests.deploy.chart import CHART, ROOT, VALUES, Manifest, library, manifests_of, render
from tests.deploy.checks import configuration, confinement, lifecycle, networks
from tests.deploy.checks.reading import COMPONENT, SETTINGS, Manifests, Pod, of_kind, pods
from tests.fixtures.certificates import Ca

Check = Callable[[Manifests], Iterator[str]]
CHECKS: dict[str, Check] = {
    name: check
    for module in (configuration, confinement, lifecycle, networks)
    for name, check in vars(module).items()
    if callable(check) and getattr(check, "__module__", "") == module.__name__ and name[0] != "_"
}
DATA = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
OLDEST = re.findall(r"\d+\.\d+", DATA["kubeVersion"])[0]
RULES = ROOT / "deploy/monitoring/rules.yml"
OF_PROMETHEUS = {"ServiceMonitor", "PrometheusRule"}
"""Kinds without a schema: the Prometheus operator brings them."""

each_set = pytest.mark.parametrize("values", VALUES)


def invalid(manifests: Iterable[Manifest], version: str) -> Iterator[str]:
    validate = library("kubernetes_validate")
    for manifest in manifests:
        if manifest["kind"] in OF_PROMETHEUS:
            continue
        try:
            validate.validate(manifest, version, strict=True)
        except (validate.ValidationError, validate.SchemaNotFoundError) as error:
            yield f"{manifest['kind']} {manifest['metadata']['name']}: {error.message}"


def versions() -> list[str]:
    return [OLDEST, library("kubernetes_validate").latest_version()]


def test_there_are_five_sets_of_values() -> None:
    assert len(VALUES) == 5


@each_set
def test_the_oldest_and_the_newest_kubernetes_take_every_manifest(values: str) -> None:
    for version in versions():
        assert list(invalid(manifests_of(values), version)) == []


def test_a_mistake_in_a_manifest_would_be_found() -> None:
    manifests = changed("production", lambda pod: pod.container.update(readynessProbe={}))
    for version in versions():
        assert len(list(invalid(manifests, version))) == len(list(pods(manifests)))


@each_set
def test_helm_finds_nothing_to_say(values: str) -> None:
    data = yaml.safe_load(VALUES[values].read_text("utf-8"))
    report = library("helm_python").lint(str(CHART), data, strict=True)
    assert report["errors"] == []
    assert [each for each in report["messages"] if "icon" not in each["error"]] == []


@each_set
@pytest.mark.parametrize("check", CHECKS)
def test_no_pods_are_found_that(check: str, values: str) -> None:
    assert list(CHECKS[check](manifests_of(values))) == []


@each_set
def test_every_part_is_there(values: str) -> None:
    found = {pod.component for pod in pods(manifests_of(values))}
    expected = {"gateway", "router", "registry"}
    expected |= {"redis", "postgres"} if values == "trying-out" else {"migrate"}
    assert found == expected | ({"canary"} if values != "balancer" else set())


@each_set
def test_each_service_starts_with_the_settings_of_its_pod(
    values: str, tmp_path: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    ca = Ca(tmp_path / "ca")
    pair = ca.server("chargelight-gateway", "chargelight-registry")
    files = {"/tls/tls.crt": pair.certificate, "/tls/tls.key": pair.key}
    for pod in pods(manifests_of(values), *SETTINGS):
        with clean_environment.context() as environment:
            for name, value in pod.environment.items():
                if value.startswith("/secrets/"):
                    file = tmp_path / "secret" / pod.component / name
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_text(secret(name, pod), "utf-8")
                    environment.setenv(name, str(file))
                elif value.startswith("/trust/"):
                    environment.setenv(name, ca.certificate)
                else:
                    environment.setenv(name, files.get(value, value))
            settings = SETTINGS[pod.component].load()
        if partitions := pod.environment.get("CHARGELIGHT_PARTITIONS"):
            assert settings.partitions == int(partitions)


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variable of the project is set."""
    for name in [name for name in os.environ if name.startswith("CHARGELIGHT_")]:
        monkeypatch.delenv(name)
    return monkeypatch


def secret(variable: str, pod: Pod) -> str:
    scheme = "rediss" if "CHARGELIGHT_REDIS_TLS_CA" in pod.environment else "redis"
    return {
        "CHARGELIGHT_REDIS_URL": f"{scheme}://user:password@redis:6379/0",
        "CHARGELIGHT_POSTGRES_DSN": "postgresql://user:password@postgres:5432/hub",
        "CHARGELIGHT_POSTGRES_OWNER_DSN": "postgresql://owner:password@postgres:5432/hub",
        "CHARGELIGHT_REGISTRY_WEBHOOKS": "https://example.org/hook",
    }.get(variable.removesuffix(SUFFIX), "0123456789abcdef" * 4)


@pytest.mark.parametrize("values", ["production", "cluster"])
def test_the_alerts_are_those_of_the_one_file(values: str) -> None:
    (rules,) = of_kind(manifests_of(values), "PrometheusRule")
    assert rules["spec"] == yaml.safe_load(RULES.read_text("utf-8"))


def test_backups_go_to_the_claim_that_is_named_and_only_registries_mount_it() -> None:
    folder = "CHARGELIGHT_REGISTRY_BACKUP_FOLDER"
    for pod in pods(manifests_of("crowd")):
        claims = [
            (volume["name"], volume["persistentVolumeClaim"]["claimName"])
            for volume in pod.spec["volumes"]
            if "persistentVolumeClaim" in volume
        ]
        places = {mount["name"]: mount["mountPath"] for mount in pod.container["volumeMounts"]}
        is_registry = pod.component == "registry"
        assert claims == ([("backups", "chargelight-backups")] if is_registry else [])
        assert pod.environment.get(folder) == places.get("backups")
        assert ("backups" in places) is is_registry
    for pod in pods(manifests_of("production")):
        assert folder not in pod.environment


def test_a_package_has_the_files_themselves_not_links(tmp_path: Path) -> None:
    helm = library("helm_python")
    archive = helm.package(str(CHART), destination=str(tmp_path))
    with tarfile.open(archive) as package:
        for link in sorted((CHART / "files").iterdir()):
            assert link.is_symlink()
            packed = package.extractfile(f"chargelight/files/{link.name}")
            assert packed
            assert packed.read() == link.resolve().read_bytes()


def test_redis_for_trying_out_starts_as_with_compose() -> None:
    (files,) = of_kind(manifests_of("trying-out"), "ConfigMap")
    for name in ("start", "users.acl"):
        text = (ROOT / "deploy/redis" / name).read_text("utf-8")
        assert files["data"][name].strip() == text.strip()


def test_prometheus_knows_the_jobs_by_the_names_of_the_rules() -> None:
    manifests = manifests_of("production")
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    (endpoint,) = monitor["spec"]["endpoints"]
    selector = monitor["spec"]["selector"]["matchLabels"]
    found = [
        service["metadata"]["labels"][monitor["spec"]["jobLabel"]]
        for service in of_kind(manifests, "Service")
        if selector.items() <= service["metadata"]["labels"].items()
        and endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    ]
    assert sorted(found) == ["canary", "gateway", "registry", "router"]
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_a_pod_of_a_release_with_a_long_name_can_be_named_after_it() -> None:
    for pod in pods(render({}, release="a" * 53), *SETTINGS):
        # Of a ReplicaSet and of a pod: a dash and 10 characters, a dash and 5.
        assert len(pod.owner["metadata"]["name"]) + 11 + 6 <= _LONGEST_ID


def test_an_update_can_go_in_steps() -> None:
    manifests = render(
        {"image": {"tag": "old"}, "migrate": {"tag": "new"}, "registry": {"tag": "new"}}
    )
    images = {pod.component: pod.container["image"] for pod in pods(manifests)}
    assert images == {
        "canary": "chargelight-canary:old",
        "gateway": "chargelight-gateway:old",
        "migrate": "chargelight-registry:new",
        "registry": "chargelight-registry:new",
        "router": "chargelight-router:old",
    }


def test_what_can_be_left_out_is_left_out() -> None:
    values = {"networkPolicy": {"enabled": False}, "canary": {"enabled": False}}
    manifests = render(values)
    assert of_kind(manifests, "NetworkPolicy") == []
    assert "canary" not in {each["metadata"]["labels"][COMPONENT] for each in manifests}
    assert {each["kind"] for each in manifests}.isdisjoint(OF_PROMETHEUS)


@pytest.mark.parametrize(
    ("values", "because"),
    [
        ({"partitions": 100}, "/partitions"),
        ({"gatway": {}}, "'gatway' not allowed"),
        ({"router": {"replicas": 1}}, "/router/replicas"),
        ({"gateway": {"resources": {"limits": {"memory": None}}}}, "missing property 'memory'"),
        ({"settings": {"CHARGELIGHT_CREDENTIAL_KEY": "0123456789abcdef"}}, "'not' failed"),
        ({"settings": {"CHARGELIGHT_PARTITIONS": 64}}, "does not match pattern"),
        ({"settings": {"CHARGELIGHT_GATEWAY_DRAIN_SECONDS": 10}}, "'not' failed"),
        # What YAML makes of: off
        ({"settings": {"CHARGELIGHT_DEVICE_AUTH": False}}, "want string"),
        ({"router": {"secretSettings": ["CHARGELIGHT_POSTGRES_DSN"]}}, "/router/secretSettings"),
        ({"tryingOut": {"password": "a/b"}}, "/tryingOut/password"),
        ({"gateway": {"autoscaling": {"enabled": True, "connections": 15000}}}, "must be below"),
        ({"gateway": {"autoscaling": {"enabled": True, "maxReplicas": 2}}}, "not be below"),
    ],
    ids=str,
)
def test_values_that_do_not_fit_are_refused(values: dict[str, Any], because: str) -> None:
    with pytest.raises(library("helm_python").HelmError) as refusal:
        render(values)
    assert because in str(refusal.value)


def test_the_schema_knows_which_settings_hold_secrets() -> None:
    schema = yaml.safe_load((CHART / "values.schema.json").read_text("utf-8"))["properties"]
    refused = set(schema["settings"]["propertyNames"]["not"]["enum"])
    for component, settings in SETTINGS.items():
        taken = set(schema[component]["properties"]["secretSettings"]["items"]["enum"])
        assert settings.secret_variables().keys() <= refused
        assert taken <= settings.secret_variables().keys()


def test_the_chart_is_of_this_version() -> None:
    assert DATA["appVersion"] == DATA["version"] == VERSION


def changed(values: str, change: Callable[[Pod], object]) -> list[Manifest]:
    copy: list[Manifest] = yaml.safe_load(yaml.safe_dump(list(manifests_of(values))))
    for pod in pods(copy):
        change(pod)
    return copy
