"""Each check of the chart is seen to fail, on a copy of the manifests with one mistake."""

import copy
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.deploy.chart import Manifest, manifests_of
from tests.deploy.checks.reading import COMPONENT, Pod, of_kind, pods
from tests.deploy.test_chart import CHECKS

Breaking = Callable[[list[Manifest]], None]


def pod(component: str, change: Callable[[Pod], object]) -> Breaking:
    """Change the pods of a component."""

    def breaking(manifests: list[Manifest]) -> None:
        for each in pods(manifests, component):
            change(each)

    return breaking


def spec(component: str, **fields: Any) -> Breaking:
    """Set fields of a component's pods."""
    return pod(component, lambda each: each.spec.update(fields))


def container(component: str, part: str, **fields: Any) -> Breaking:
    """Set fields of a part of a component's container."""
    return pod(component, lambda each: each.container[part].update(fields))


def env(component: str, name: str, value: str) -> Breaking:
    """Set or add a variable."""

    def change(each: Pod) -> None:
        others = [one for one in each.container["env"] if one["name"] != name]
        each.container["env"] = [*others, {"name": name, "value": value}]

    return pod(component, change)


def deployment(component: str, **fields: Any) -> Breaking:
    """Set fields of a component's Deployment."""
    return pod(component, lambda each: each.owner["spec"].update(fields))


def kind(name: str, component: str, change: Callable[[dict[str, Any]], object]) -> Breaking:
    """Change the specification of a manifest of some kind."""

    def breaking(manifests: list[Manifest]) -> None:
        for each in of_kind(manifests, name):
            if each["metadata"]["labels"][COMPONENT] == component:
                change(each["spec"])

    return breaking


def without(name: str, component: str) -> Breaking:
    """Remove a manifest of some kind."""

    def breaking(manifests: list[Manifest]) -> None:
        manifests[:] = [
            each
            for each in manifests
            if (each["kind"], each["metadata"]["labels"][COMPONENT]) != (name, component)
        ]

    return breaking


def target(value: str) -> Breaking:
    """Set the connections of a pod beyond which another one is added."""
    return kind(
        "HorizontalPodAutoscaler",
        "gateway",
        lambda spec: spec["metrics"][0]["pods"]["target"].update(averageValue=value),
    )


def behavior(way: str, **fields: Any) -> Breaking:
    return kind(
        "HorizontalPodAutoscaler", "gateway", lambda spec: spec["behavior"][way].update(fields)
    )


def volume(component: str, **fields: Any) -> Breaking:
    """Add a volume."""
    return pod(component, lambda each: each.spec["volumes"].append({"name": "added", **fields}))


REACHES_POSTGRES: Final = {"ports": [{"port": 5432}]}
BROKEN: Final[list[tuple[str, str, Breaking]]] = [
    ("run_as_root", "router may run", spec("router", securityContext={"runAsUser": 0})),
    ("run_as_root", "router may run", spec("router", securityContext={"runAsNonRoot": True})),
    ("run_as_root", "of its own", container("canary", "securityContext", runAsUser=0)),
    (
        "write_to_their_image",
        "registry can",
        container("registry", "securityContext", readOnlyRootFilesystem=False),
    ),
    (
        "have_capabilities",
        "gateway has",
        container("gateway", "securityContext", capabilities={"drop": ["ALL"], "add": ["CHOWN"]}),
    ),
    (
        "have_capabilities",
        "may get rights",
        container("gateway", "securityContext", allowPrivilegeEscalation=True),
    ),
    ("have_capabilities", "canary may", container("canary", "securityContext", privileged=True)),
    (
        "have_capabilities",
        "any system call",
        spec("migrate", securityContext={"seccompProfile": {"type": "Unconfined"}}),
    ),
    ("reach_the_node", "namespace", spec("router", hostNetwork=True)),
    ("reach_the_node", "folder", volume("router", hostPath={"path": "/"})),
    (
        "reach_the_node",
        "port of",
        pod("gateway", lambda each: each.container["ports"][0].update(hostPort=80)),
    ),
    ("have_tokens", "migrate", spec("migrate", automountServiceAccountToken=True)),
    ("are_unbounded", "no limit", container("registry", "resources", limits={"cpu": "1"})),
    ("are_unbounded", "may fill added", volume("gateway", emptyDir={})),
    (
        "are_probed_wrongly",
        "readinessProbe of gateway does not ask /accepting",
        container("gateway", "readinessProbe", httpGet={"path": "/readyz", "port": "health"}),
    ),
    (
        "are_probed_wrongly",
        "livenessProbe of registry",
        container("registry", "livenessProbe", httpGet={"path": "/healthz", "port": "rest"}),
    ),
    (
        "are_probed_wrongly",
        "startupProbe of router",
        pod("router", lambda each: each.container.pop("startupProbe")),
    ),
    ("leave_unheard", "gateway", container("gateway", "readinessProbe", failureThreshold=9)),
    ("leave_unheard", "gateway", env("gateway", "CHARGELIGHT_GATEWAY_LEAVE_SECONDS", "300")),
    # 45 to leave, 60 to drain, and 9.
    (
        "are_killed_too_early",
        "gateway is killed after 114 s",
        spec("gateway", terminationGracePeriodSeconds=114),
    ),
    ("are_killed_too_early", "gateway", env("gateway", "CHARGELIGHT_GATEWAY_DRAIN_SECONDS", "90")),
    (
        "are_killed_too_early",
        "registry",
        container("registry", "lifecycle", preStop={"sleep": {"seconds": 20}}),
    ),
    (
        "are_missed_in_an_update",
        "router is updated",
        deployment("router", strategy={"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}),
    ),
    ("are_missed_in_an_update", "canary may run", deployment("canary", replicas=2)),
    ("drain_together", "at the same time", deployment("gateway", minReadySeconds=60)),
    ("drain_together", "ever succeed", deployment("gateway", progressDeadlineSeconds=110)),
    ("stand_on_one_leg", "not spread", spec("router", topologySpreadConstraints=[])),
    ("stand_on_one_leg", "budget", without("PodDisruptionBudget", "gateway")),
    (
        "stand_on_one_leg",
        "budget",
        kind("PodDisruptionBudget", "router", lambda spec: spec.update(maxUnavailable="50%")),
    ),
    ("scale_wrongly", "10000m is no number", target("10000m")),
    ("scale_wrongly", "never has 15000", target("15000")),
    ("scale_wrongly", "undoes", deployment("gateway", replicas=3)),
    ("scale_wrongly", "late", behavior("scaleUp", stabilizationWindowSeconds=60)),
    ("scale_wrongly", "too fast", behavior("scaleDown", stabilizationWindowSeconds=0)),
    ("scale_wrongly", "too fast", behavior("scaleDown", policies=[])),
    (
        "scale_wrongly",
        "something else",
        kind(
            "HorizontalPodAutoscaler",
            "gateway",
            lambda spec: spec["scaleTargetRef"].update(name="chargelight-router"),
        ),
    ),
    ("are_not_fenced_in", "router has not one", without("NetworkPolicy", "router")),
    (
        "are_not_fenced_in",
        "router has not one",
        kind("NetworkPolicy", "router", lambda spec: spec.update(policyTypes=["Ingress"])),
    ),
    (
        "are_not_fenced_in",
        "gateway may reach [5432, 6379]",
        kind("NetworkPolicy", "gateway", lambda spec: spec["egress"].append(REACHES_POSTGRES)),
    ),
    (
        "are_not_fenced_in",
        "router is reached on [3100, 3102]",
        kind(
            "NetworkPolicy",
            "router",
            lambda spec: spec["ingress"].append({"ports": [{"port": 3100}], "from": [{}]}),
        ),
    ),
    (
        "are_open_to_all",
        "anyone reaches [3300] of registry",
        kind("NetworkPolicy", "registry", lambda spec: spec["ingress"][1].pop("from")),
    ),
    (
        "are_open_to_all",
        "canary reaches any",
        kind("NetworkPolicy", "canary", lambda spec: spec["egress"].append({})),
    ),
    (
        "lead_nowhere",
        "has 5 components",
        kind("Service", "gateway", lambda spec: spec["selector"].pop(COMPONENT)),
    ),
    (
        "lead_nowhere",
        "rest of chargelight-registry is no port",
        pod("registry", lambda each: each.container["ports"].pop()),
    ),
    (
        "call_nobody",
        "canary calls chargelight-gateways:3200",
        env("canary", "CHARGELIGHT_CANARY_WIDGETS_URL", "wss://chargelight-gateways:3200"),
    ),
    (
        "call_nobody",
        "canary calls chargelight-registry:3300",
        kind("Service", "registry", lambda spec: spec["ports"][0].update(port=443)),
    ),
    (
        "publish_health",
        "chargelight-router-health publishes [3102]",
        kind("Service", "router", lambda spec: spec.update(type="LoadBalancer")),
    ),
    (
        "listen_elsewhere",
        "gateway listens",
        pod("gateway", lambda each: each.container["ports"][1].update(containerPort=3000)),
    ),
    ("listen_elsewhere", "nobody", env("router", "CHARGELIGHT_ROUTER_HOST", "localhost")),
    (
        "set_what_is_no_setting",
        "CHARGELIGHT_ROUTER_THRESHOLD is",
        env("router", "CHARGELIGHT_ROUTER_THRESHOLD", "charged=100"),
    ),
    (
        "set_what_is_no_setting",
        "CHARGELIGHT_PARTITIONS_FILE is",
        env("router", "CHARGELIGHT_PARTITIONS_FILE", "/secrets/partitions"),
    ),
    (
        "set_what_is_no_setting",
        "twice",
        pod("router", lambda each: each.container["env"].append(each.container["env"][0])),
    ),
    ("take_variables_of_others", "canary", spec("canary", enableServiceLinks=True)),
    (
        "show_secrets",
        "has CHARGELIGHT_CREDENTIAL_KEY in",
        env("gateway", "CHARGELIGHT_CREDENTIAL_KEY", "0123456789abcdef"),
    ),
    (
        "show_secrets",
        "has CHARGELIGHT_CANARY_REGISTRY_URL in",
        env("canary", "CHARGELIGHT_CANARY_REGISTRY_URL", "https://hub:secret@registry:3300"),
    ),
    (
        "show_secrets",
        "and has ['CHARGELIGHT_REDIS_URL']",
        pod("gateway", lambda each: each.spec["volumes"][1]["secret"]["items"].pop()),
    ),
    (
        "show_secrets",
        "others may read added",
        volume("gateway", secret={"secretName": "it", "defaultMode": 0o444}),
    ),
    ("disagree", "CHARGELIGHT_PARTITIONS", env("router", "CHARGELIGHT_PARTITIONS", "64")),
    ("disagree", "all pods", env("router", "CHARGELIGHT_INSTANCE_ID", "router-1")),
    ("migrate_late", "before registries", pod("migrate", lambda each: each.container.pop("args"))),
    (
        "migrate_late",
        "registry is the owner",
        env("registry", "CHARGELIGHT_POSTGRES_OWNER_DSN_FILE", "/secrets/it"),
    ),
]


@pytest.mark.parametrize(
    ("check", "complaint", "breaking"), BROKEN, ids=[f"{name}-{text}" for name, text, _ in BROKEN]
)
def test_a_mistake_is_found(check: str, complaint: str, breaking: Breaking) -> None:
    manifests = copy.deepcopy(list(manifests_of("cluster")))
    breaking(manifests)
    complaints = list(CHECKS[check](manifests))
    assert [each for each in complaints if complaint in each], complaints


def test_an_address_in_a_secret_is_looked_at() -> None:
    manifests = copy.deepcopy(list(manifests_of("trying-out")))
    without("Service", "redis")(manifests)
    assert "chargelight-router-trying-out calls chargelight-redis:6379" in list(
        CHECKS["call_nobody"](manifests)
    )


def test_every_check_is_seen_to_fail() -> None:
    assert {check for check, _, _ in BROKEN} == CHECKS.keys()
