"""Starting, stopping, updating, scaling."""

import re
from collections.abc import Iterator
from typing import Final

from tests.deploy.checks.reading import (
    COMPONENT,
    REPLICATED,
    SETTINGS,
    Manifests,
    Pod,
    gateway_settings,
    of_kind,
    pods,
    selects,
)

READY: Final = {
    "canary": "/readyz",
    "gateway": "/accepting",
    "registry": "/accepting",
    "router": "/readyz",
}
"""A Redis that is away must not leave the Services of gateways and registries empty."""


def are_probed_wrongly(manifests: Manifests) -> Iterator[str]:
    """Each service is asked, at its health port, what the probe is about."""
    for pod in pods(manifests, *READY):
        ports = {port["name"]: port["containerPort"] for port in pod.container["ports"]}
        expected = SETTINGS[pod.component].model_fields["health_port"].default
        for probe, path in (
            ("startupProbe", "/healthz"),
            ("livenessProbe", "/healthz"),
            ("readinessProbe", READY[pod.component]),
        ):
            asked = pod.container.get(probe, {}).get("httpGet", {})
            if asked.get("path") != path or ports.get(str(asked.get("port"))) != expected:
                yield f"the {probe} of {pod.component} does not ask {path} of port {expected}"
    for pod in pods(manifests):
        if pod.owner["kind"] != "Job" and "livenessProbe" not in pod.container:
            yield f"{pod.component} has no livenessProbe"


def leave_unheard(manifests: Manifests) -> Iterator[str]:
    """A gateway that leaves counts as ready until it has left: nodes still send it devices."""
    for pod in pods(manifests, "gateway"):
        probe = pod.container["readinessProbe"]
        lasts = probe["failureThreshold"] * probe["periodSeconds"]
        if lasts <= gateway_settings(pod).leave_seconds:
            yield f"{pod.component} is not ready before it has left"


def are_killed_too_early(manifests: Manifests) -> Iterator[str]:
    """The grace period is beyond what the process takes: to leave and to drain, too."""
    for pod in pods(manifests, *READY):
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        hook = pod.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {})
        if grace <= _stop_seconds(pod) + hook.get("seconds", 0):
            yield f"{pod.component} is killed after {grace} s, before it has ended"


def _stop_seconds(pod: Pod) -> float:
    if pod.component == "gateway":
        return gateway_settings(pod).stop_seconds
    return SETTINGS[pod.component].model_construct().stop_seconds


def are_missed_in_an_update(manifests: Manifests) -> Iterator[str]:
    """An update starts a new pod before an old one stops, but never a second canary."""
    for deployment in of_kind(manifests, "Deployment"):
        component = deployment["metadata"]["labels"][COMPONENT]
        strategy = deployment["spec"].get("strategy", {})
        if component in REPLICATED:
            rolling = strategy.get("rollingUpdate", {})
            if rolling.get("maxUnavailable") != 0 or not rolling.get("maxSurge"):
                yield f"{component} is updated with fewer pods than before"
        elif strategy != {"type": "Recreate"} or deployment["spec"].get("replicas") != 1:
            yield f"{component} may run twice"


def drain_together(manifests: Manifests) -> Iterator[str]:
    """In an update, the next gateway stops after the one before has left and drained."""
    for pod in pods(manifests, "gateway"):
        settings = gateway_settings(pod)
        spec = pod.owner["spec"]
        least = settings.leave_seconds + settings.drain_seconds
        if spec.get("minReadySeconds", 0) < least:
            yield "two gateways drain at the same time"
        if spec.get("progressDeadlineSeconds", 600) <= spec.get("minReadySeconds", 0):
            yield "no update of gateways would ever succeed"


def stand_on_one_leg(manifests: Manifests) -> Iterator[str]:
    """Pods are spread over zones and nodes, and no two may be evicted at once."""
    for pod in pods(manifests, *REPLICATED):
        keys = {
            spread["topologyKey"]
            for spread in pod.spec.get("topologySpreadConstraints", [])
            if selects(spread["labelSelector"]["matchLabels"], pod)
        }
        if keys != {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}:
            yield f"{pod.component} is not spread"
        budgets = [
            budget["spec"]
            for budget in of_kind(manifests, "PodDisruptionBudget")
            if selects(budget["spec"]["selector"]["matchLabels"], pod)
        ]
        if [budget.get("maxUnavailable") for budget in budgets] != [1]:
            yield f"{pod.component} has not one budget of one disruption"


def scale_wrongly(manifests: Manifests) -> Iterator[str]:
    """Gateways are added before they are full, at once, and go one in ten minutes."""
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        (pod,) = pods(manifests, "gateway")
        settings = gateway_settings(pod)
        if scaler["spec"]["scaleTargetRef"]["name"] != pod.owner["metadata"]["name"]:
            yield "something else than gateways is scaled"
        if "replicas" in pod.owner["spec"]:
            yield "each update undoes the scaling"
        (metric,) = scaler["spec"]["metrics"]
        target = str(metric["pods"]["target"]["averageValue"])
        # 10000m would be ten.
        if not re.fullmatch(r"\d+", target):
            yield f"{target} is no number of connections"
        elif int(target) >= settings.processes * settings.max_connections:
            yield f"a gateway never has {target} connections"
        up, down = (scaler["spec"]["behavior"][way] for way in ("scaleUp", "scaleDown"))
        if up["stabilizationWindowSeconds"] != 0:
            yield "gateways are added late"
        once = [{"type": "Pods", "value": 1, "periodSeconds": 600}]
        if down["policies"] != once or down["stabilizationWindowSeconds"] < 600:
            yield "gateways go too fast"
