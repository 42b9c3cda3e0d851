"""Who reaches whom."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tests.deploy.checks.reading import SETTINGS, Manifests, Pod, of_kind, pods, selects

REDIS, POSTGRES, REST = 6379, 5432, 3300
MAY_REACH: Final[Mapping[str, set[int]]] = {
    "canary": {3100, 3200, REST},
    "gateway": {REDIS},
    "migrate": {POSTGRES},
    "postgres": set(),
    "redis": set(),
    "registry": {REDIS, POSTGRES},
    "router": {REDIS},
}
"""Of the ports of this list, name servers aside."""
KNOWN: Final = set().union(*MAY_REACH.values())
TAKES: Final[Mapping[str, set[int]]] = {
    "canary": {3104},
    "gateway": {3100, 3200, 3101},
    "migrate": set(),
    "postgres": {POSTGRES},
    "redis": {REDIS},
    "registry": {REST, 3103},
    "router": {3102},
}


def are_not_fenced_in(manifests: Manifests) -> Iterator[str]:
    """Each pod has one policy for both directions, which allows what it works with."""
    for pod in pods(manifests):
        policies = _policies_of(pod, manifests)
        if len(policies) != 1 or policies[0]["policyTypes"] != ["Ingress", "Egress"]:
            yield f"{pod.component} has not one policy for both directions"
            continue
        egress = _ports(policies[0].get("egress")) & KNOWN
        if egress != MAY_REACH[pod.component]:
            yield f"{pod.component} may reach {sorted(egress)}"
        ingress = _ports(policies[0].get("ingress"))
        if ingress != TAKES[pod.component]:
            yield f"{pod.component} is reached on {sorted(ingress)}"


def are_open_to_all(manifests: Manifests) -> Iterator[str]:
    """From everywhere only the ports of devices can be reached."""
    for pod in pods(manifests):
        for policy in _policies_of(pod, manifests):
            for rule in policy.get("ingress") or []:
                if not rule.get("from") and _ports([rule]) != {3100, 3200}:
                    yield f"anyone reaches {sorted(_ports([rule]))} of {pod.component}"
            for rule in policy.get("egress") or []:
                if not rule.get("ports"):
                    yield f"{pod.component} reaches any port"


def _policies_of(pod: Pod, manifests: Manifests) -> list[dict[str, Any]]:
    specs = [policy["spec"] for policy in of_kind(manifests, "NetworkPolicy")]
    return [spec for spec in specs if selects(spec["podSelector"]["matchLabels"], pod)]


def _ports(rules: list[dict[str, Any]] | None) -> set[int]:
    return {port["port"] for rule in rules or [] for port in rule.get("ports", [])}


def lead_nowhere(manifests: Manifests) -> Iterator[str]:
    """Each Service is one component's, and its ports are the container's."""
    for service in of_kind(manifests, "Service"):
        name = service["metadata"]["name"]
        chosen = [pod for pod in pods(manifests) if selects(service["spec"]["selector"], pod)]
        if len(chosen) != 1:
            yield f"the Service {name} has {len(chosen)} components"
            continue
        ports = {port["name"] for port in chosen[0].container["ports"]}
        for port in service["spec"]["ports"]:
            if port["targetPort"] not in ports or port.get("protocol", "TCP") != "TCP":
                yield f"{port['name']} of {name} is no port of {chosen[0].component}"


def call_nobody(manifests: Manifests) -> Iterator[str]:
    """Addresses inside the hub are those of a Service and one of its ports."""
    served = {
        (service["metadata"]["name"], port["port"])
        for service in of_kind(manifests, "Service")
        for port in service["spec"]["ports"]
    }
    urls = [
        (pod.component, pod.environment[name])
        for pod in pods(manifests, "canary")
        for name in pod.environment
        if name.endswith("_URL")
    ]
    urls += [
        (secret["metadata"]["name"], url)
        for secret in of_kind(manifests, "Secret")
        for url in secret["stringData"].values()
    ]
    for caller, url in urls:
        parts = urlsplit(url)
        if (parts.hostname, parts.port) not in served:
            yield f"{caller} calls {parts.hostname}:{parts.port}"


def publish_health(manifests: Manifests) -> Iterator[str]:
    """Metrics leave the cluster through no Service; devices and REST may."""
    for service in of_kind(manifests, "Service"):
        ports = {port["port"] for port in service["spec"]["ports"]}
        inside = service["spec"].get("type", "ClusterIP") == "ClusterIP"
        if not (inside or ports <= {3100, 3200, REST}):
            yield f"{service['metadata']['name']} publishes {sorted(ports)}"


def listen_elsewhere(manifests: Manifests) -> Iterator[str]:
    """Containers' ports are those that the services listen on, on all addresses."""
    for pod in pods(manifests, *(SETTINGS.keys() - {"migrate"})):
        fields = SETTINGS[pod.component].model_fields
        listened = {
            field.default for name, field in fields.items() if f"_{name}".endswith("_port")
        } - {False}
        named = {port["containerPort"] for port in pod.container["ports"]}
        if named != listened:
            yield f"{pod.component} listens on {sorted(listened)}, not {sorted(named)}"
        if pod.environment.get(f"CHARGELIGHT_{pod.component.upper()}_HOST") != "::":
            yield f"nobody reaches {pod.component}"
