"""Finding things in manifests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from services.gateway.settings import GatewaySettings
from services.registry.settings import RegistrySettings
from shared.process.settings import Settings
from tests.fixtures.settings_of_services import SETTINGS_OF_SERVICES

Manifests: TypeAlias = Sequence[dict[str, Any]]

COMPONENT: Final = "app.kubernetes.io/component"
SETTINGS: Final[Mapping[str, type[Settings]]] = {
    **SETTINGS_OF_SERVICES,
    "migrate": RegistrySettings,
}
"""The components that are ours."""
REPLICATED: Final = ("gateway", "registry", "router")


@dataclass(frozen=True)
class Pod:
    """A template of pods, with what it is part of."""

    owner: dict[str, Any]
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def component(self) -> str:
        """Which part of the hub."""
        return self.labels[COMPONENT]

    @property
    def container(self) -> dict[str, Any]:
        """The only container."""
        assert "initContainers" not in self.spec
        (container,) = self.spec["containers"]
        found: dict[str, Any] = container
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The variables that have a value here."""
        return {each["name"]: each["value"] for each in self.container["env"] if "value" in each}


def of_kind(manifests: Manifests, kind: str) -> list[dict[str, Any]]:
    """Return the manifests of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def pods(manifests: Manifests, *components: str) -> Iterator[Pod]:
    """Yield all pods, or those of some components."""
    for owner in manifests:
        if owner["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
            template = owner["spec"]["template"]
            pod = Pod(owner, template["metadata"]["labels"], template["spec"])
            if not components or pod.component in components:
                yield pod


def selects(selector: Mapping[str, str], pod: Pod) -> bool:
    """Tell whether a selector by labels selects a pod."""
    return selector.items() <= pod.labels.items()


def gateway_settings(pod: Pod) -> GatewaySettings:
    """Return the settings of a gateway's pod that are no files."""
    prefix = "CHARGELIGHT_GATEWAY_"
    names = ("WORKERS", "MAX_CONNECTIONS", "LEAVE_SECONDS", "DRAIN_SECONDS")
    given = {name.lower(): pod.environment[prefix + name] for name in names}
    return GatewaySettings.model_validate(given)
