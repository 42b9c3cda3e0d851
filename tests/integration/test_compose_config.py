"""Both Composes read every combination of the Compose files that a document names."""

import shutil
import subprocess
from collections.abc import Callable
from typing import Final

import pytest

from tests.fixtures.present_compose import find_present_compose
from tests.fixtures.processes import ROOT
from tools.local.access import SERVER_PASSWORDS

FILES: Final = {
    "production": ("production",),
    "cluster": ("cluster",),
    "monitored": ("monitoring",),
    "monitored production": ("production", "monitoring"),
    "monitored cluster": ("cluster", "monitoring", "monitoring-cluster"),
}
SECRETS: Final = {
    "CHARGELIGHT_COMPOSE_CERTIFICATES": "/certificates",
    "CHARGELIGHT_CREDENTIAL_KEY": "a-key-of-digests-of-32-characters",
    "CHARGELIGHT_REGISTRY_ADMIN_KEY": "a-bootstrap-key-of-32-characters",
    "CHARGELIGHT_CANARY_KEY": "",
    "CHARGELIGHT_CANARY_SECRET": "a-secret-of-both-of-its-devices",
    **dict.fromkeys(SERVER_PASSWORDS, "a-password-of-our-own"),
}
"""What production.yml insists on."""
_SECONDS: Final = 60.0


def oldest_compose() -> tuple[str, ...] | str:
    """Return the docker-compose on the PATH, 1.29 where Debian's is installed."""
    found = shutil.which("docker-compose")
    return (found,) if found else "there is no docker-compose on the PATH"


@pytest.mark.parametrize("find", [oldest_compose, find_present_compose])
@pytest.mark.parametrize("names", FILES.values(), ids=FILES)
def test_compose_reads_the_files(
    names: tuple[str, ...],
    find: Callable[[], tuple[str, ...] | str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = find()
    if isinstance(command, str):
        pytest.skip(command)
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    files = ["docker-compose.yml", *(f"deploy/compose/{name}.yml" for name in names)]
    options = [word for file in files for word in ("--file", file)]

    asked = [*command, *options, "--profile", "grafana", "config", "--services"]
    ran = subprocess.run(
        asked, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stderr
    services = set(ran.stdout.split())
    assert services >= {"gateway", "router", "registry"}
    assert ({"prometheus", "grafana"} <= services) == ("monitoring" in names)
    assert ("redis-exporter-3" in services) == ("monitoring-cluster" in names)
