"""What containers may do."""

from collections.abc import Iterator

from tests.deploy.checks.reading import Manifests, pods


def run_as_root(manifests: Manifests) -> Iterator[str]:
    """Every process is an unprivileged user's."""
    for pod in pods(manifests):
        context = pod.spec.get("securityContext", {})
        own = pod.container.get("securityContext", {})
        if not context.get("runAsUser") or context.get("runAsNonRoot") is not True:
            yield f"{pod.component} may run as root"
        elif {"runAsUser", "runAsNonRoot"} & own.keys():
            yield f"{pod.component} has a container with a user of its own"


def write_to_their_image(manifests: Manifests) -> Iterator[str]:
    """Every root file system is read-only."""
    for pod in pods(manifests):
        if pod.container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{pod.component} can write to its root file system"


def have_capabilities(manifests: Manifests) -> Iterator[str]:
    """No capability, no way to more rights, no filter of system calls off."""
    for pod in pods(manifests):
        context = pod.container.get("securityContext", {})
        if context.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{pod.component} has capabilities"
        if context.get("allowPrivilegeEscalation") is not False or context.get("privileged"):
            yield f"{pod.component} may get rights"
        seccomp = pod.spec.get("securityContext", {}).get("seccompProfile")
        if seccomp != {"type": "RuntimeDefault"}:
            yield f"{pod.component} may make any system call"


def reach_the_node(manifests: Manifests) -> Iterator[str]:
    """Nothing of the node is shared with a pod."""
    for pod in pods(manifests):
        if any(pod.spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{pod.component} is in a namespace of the node"
        if any("hostPath" in volume for volume in pod.spec.get("volumes", [])):
            yield f"{pod.component} has a folder of the node"
        if any("hostPort" in port for port in pod.container.get("ports", [])):
            yield f"{pod.component} has a port of the node"


def have_tokens(manifests: Manifests) -> Iterator[str]:
    """No pod can talk to the API server."""
    for pod in pods(manifests):
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod.component} has a token"


def are_unbounded(manifests: Manifests) -> Iterator[str]:
    """Processor, memory and what is written have limits."""
    for pod in pods(manifests):
        limits = pod.container.get("resources", {}).get("limits", {})
        if not {"cpu", "memory"} <= limits.keys():
            yield f"{pod.component} has no limit of cpu or memory"
        for volume in pod.spec.get("volumes", []):
            if "emptyDir" in volume and not (volume["emptyDir"] or {}).get("sizeLimit"):
                yield f"{pod.component} may fill {volume['name']}"
