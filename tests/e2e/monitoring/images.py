"""The images of deploy/compose/monitoring.yml: pulled, or built under their public names."""

from typing import Final

from tests.e2e.compose_stack import BUILD_SECONDS, StackError, run

FOLDER: Final = "tests/e2e/monitoring"
PACKAGES: Final = {
    "prom/alertmanager:v0.25.0": "prometheus-alertmanager",
    "oliver006/redis_exporter:v1.45.0-alpine": "prometheus-redis-exporter",
    "prometheuscommunity/postgres-exporter:v0.11.1": "prometheus-postgres-exporter",
}
"""Debian's package of the same version of each image. Prometheus' own is a base image."""


def provide() -> None:
    """Have every image that is started.

    Raises:
        StackError: One can be neither pulled nor built.
    """
    for image, package in PACKAGES.items():
        if not (_succeeds("image", "inspect", image) or _succeeds("pull", "--quiet", image)):
            options = ("--tag", image, "--build-arg", f"PACKAGE={package}")
            run("docker", "build", *options, FOLDER, timeout_seconds=BUILD_SECONDS)


def _succeeds(*command: str) -> bool:
    try:
        run("docker", *command, timeout_seconds=120)
    except StackError:
        return False
    return True
