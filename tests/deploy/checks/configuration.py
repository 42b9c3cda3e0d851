"""Settings and secrets."""

import re
from collections.abc import Iterator
from typing import Final

from shared.process.secret_files import SUFFIX
from tests.deploy.checks.reading import SETTINGS, Manifests, pods

OF_A_CLIENT: Final = {"canary": {"SSL_CERT_FILE"}}
"""Whom it trusts is OpenSSL's setting."""
_CREDENTIALS: Final = re.compile(r"://[^/\s@]*:[^/\s@]+@")


def set_what_is_no_setting(manifests: Manifests) -> Iterator[str]:
    """Each variable is a setting of its service."""
    for pod in pods(manifests, *SETTINGS):
        settings = SETTINGS[pod.component]
        known = {*settings.variables(), *OF_A_CLIENT.get(pod.component, ())}
        known |= {name + SUFFIX for name in settings.secret_variables()}
        names = [each["name"] for each in pod.container["env"]]
        yield from (f"{pod.component}: {name} is no setting" for name in names if name not in known)
        if len(names) != len(set(names)):
            yield f"{pod.component} has a variable twice"


def take_variables_of_others(manifests: Manifests) -> Iterator[str]:
    """Kubernetes adds no variables: a Service's name would make one that is no setting."""
    for pod in pods(manifests):
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod.component} gets variables of Services"


def show_secrets(manifests: Manifests) -> Iterator[str]:
    """Secrets are files of a Secret, read by nobody else, and each pod has its own alone."""
    for pod in pods(manifests, *SETTINGS):
        secret = SETTINGS[pod.component].secret_variables()
        for name, value in pod.environment.items():
            if name in secret or _CREDENTIALS.search(value):
                yield f"{pod.component} has {name} in its environment"
        files = {name for name in secret if name + SUFFIX in pod.environment}
        mounted = {
            item["key"]
            for volume in pod.spec["volumes"]
            if volume["name"] == "secrets"
            for item in volume["secret"]["items"]
        }
        if files != mounted:
            yield f"{pod.component} reads {sorted(files)} and has {sorted(mounted)}"
        for volume in pod.spec["volumes"]:
            if volume.get("secret", {}).get("defaultMode", 0o440) != 0o440:
                yield f"others may read {volume['name']} of {pod.component}"


def disagree(manifests: Manifests) -> Iterator[str]:
    """What must be the same in every process is."""
    for name in ("CHARGELIGHT_PARTITIONS", "CHARGELIGHT_REDIS_CLUSTER"):
        values = {
            pod.environment.get(name) for pod in pods(manifests, "gateway", "router", "registry")
        }
        if len(values) != 1:
            yield f"{name} differs: {values}"
    instances = "CHARGELIGHT_INSTANCE_ID"
    for pod in pods(manifests, *SETTINGS):
        if instances in pod.environment:
            yield f"all pods of {pod.component} have the name {pod.environment[instances]}"


def migrate_late(manifests: Manifests) -> Iterator[str]:
    """The tables are there before new registries are, made by their owner alone."""
    for pod in pods(manifests, "migrate"):
        hook = pod.owner["metadata"].get("annotations", {}).get("helm.sh/hook")
        if hook != "pre-install,pre-upgrade" or pod.container.get("args") != ["migrate"]:
            yield "tables are not made before registries start"
    owner = f"CHARGELIGHT_POSTGRES_OWNER_DSN{SUFFIX}"
    for pod in pods(manifests, *(SETTINGS.keys() - {"migrate"})):
        if owner in pod.environment:
            yield f"{pod.component} is the owner of the tables"
