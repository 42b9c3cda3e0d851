"""A bundle is installed where there is no network, and a light is lit, as docs/deploy.md says.

Several minutes, and all images: `make bundle-proof` runs it, `make test` does not. What the
installer does with files, secrets and settings is tested without an engine, too, in
tests/unit/tools/bundle.
"""

import contextlib
import os
import re
import secrets
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.compose_stack import compose_command, run, wait_until, why_not
from tools.bundle import images
from tools.bundle.images import PRODUCTION
from tools.servers.ports import free_port

ARCHIVE = os.environ.get("CHARGELIGHT_TEST_BUNDLE", "")
pytestmark = [
    pytest.mark.compose,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not ARCHIVE, reason="takes several minutes: make bundle-proof"),
]

NO_NETWORK = ("unshare", "--map-current-user", "--net")
CONTAINERS = 9
"""Redis, Postgres, a registry, two routers, two gateways, the load balancer, the canary."""
BLOCK = re.compile(r"^### A light that is on\n.*?^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
INTERNAL = "networks: { rest: { internal: true } }\n"
"""On top of production.yml: no container reaches anything outside, either."""


class Site:
    """A machine without a network: what runs there has none, but for the engine's socket."""

    def __init__(self, folder: Path) -> None:
        self.project = f"chargelight-test-{secrets.token_hex(4)}"
        self.hub = folder / "hub"
        (folder / "internal.yml").write_text(INTERNAL)
        if len(compose_command()) > 1:
            # The documents write the older name.
            (folder / "bin").mkdir()
            shim = folder / "bin/docker-compose"
            shim.write_text(f'#!/bin/sh\nexec {" ".join(compose_command())} "$@"\n')
            shim.chmod(0o755)
        ports = {
            f"CHARGELIGHT_COMPOSE_{kind}_PORT": str(free_port())
            for kind in ("CHARGER", "WIDGET", "REGISTRY")
        }
        files = (*PRODUCTION, str(folder / "internal.yml"))
        self._environment = {
            **os.environ,
            **ports,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "COMPOSE_PROJECT_NAME": self.project,
            "COMPOSE_FILE": ":".join(files),
        }

    def shell(self, script: str, folder: Path | None = None) -> str:
        """Run lines of shell, of which none may fail, and return their output."""
        with self.running(script, folder) as process:
            said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        return said

    @contextlib.contextmanager
    def running(self, script: str, folder: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [*NO_NETWORK, "sh", "-euc", script],
            cwd=folder or self.hub,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def networks(self) -> list[str]:
        """Return whether each network of the hub is internal."""
        label = f"label=com.docker.compose.project={self.project}"
        found = run("docker", "network", "ls", "--quiet", "--filter", label).split()
        return run("docker", "network", "inspect", "--format", "{{.Internal}}", *found).split()

    def is_healthy(self) -> bool:
        label = f"label=com.docker.compose.project={self.project}"
        states = run("docker", "ps", "--filter", label, "--format", "{{.Status}}").splitlines()
        return len(states) == CONTAINERS and all("(healthy)" in state for state in states)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    if reason := why_not():
        if os.environ.get("CHARGELIGHT_TEST_COMPOSE") == "required":
            pytest.fail(f"CHARGELIGHT_TEST_COMPOSE is required, but: {reason}")
        pytest.skip(f"the compose stack is not tested: {reason}")
    try:
        subprocess.run([*NO_NETWORK, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"this machine gives no process a network of its own ({' '.join(NO_NETWORK)})")
    site = Site(tmp_path)
    yield site
    if site.hub.exists():
        site.shell("docker-compose down --volumes --remove-orphans --timeout 5")
        _remove_keys(site)


def _remove_keys(site: Site) -> None:
    """Remove what only root may: the certificates belong to the users of containers."""
    command = ("--user", "0", "--entrypoint", "rm", "redis:7-bookworm", "-r", "/hub/certificates")
    run("docker", "run", "--rm", "--network", "none", f"--volume={site.hub}:/hub", *command)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """The folder of a bundle, whose images are not here any more."""
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.glob("chargelight-*")
    version = re.findall("^VERSION=(.+)$", (folder / "about").read_text(), re.MULTILINE)[0]
    own = [name for name in images.names(version, *PRODUCTION) if name.startswith("chargelight-")]
    run("docker", "rmi", "--no-prune", *own)
    return folder


def test_a_light_is_lit_where_there_is_no_network(site: Site, bundle: Path) -> None:
    assert site.shell("grep -c : /proc/net/dev", bundle).strip() == "1", "lo alone"
    printed = site.shell(f"./install {site.hub} hub.example.org", bundle)
    (command,) = re.findall(r"^  (cd .* up -d .*)$", printed, re.MULTILINE)
    site.shell(command)
    assert set(site.networks()) == {"true"}, "no container has a way out"
    wait_until(site.is_healthy, "all containers healthy")
    (block,) = BLOCK.findall((site.hub / "docs/deploy.md").read_text("utf-8"))
    with site.running(block) as process:
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "red: charging" in line:
                break
    assert "red: charging" in lines[-1], "".join(lines)
    before = _kept(site.hub)
    assert "docs/upgrade.md" in site.shell(f"./install {site.hub}", bundle)
    assert _kept(site.hub) == before


def _kept(hub: Path) -> dict[str, str]:
    """Return the settings and the secrets."""
    return {path.name: path.read_text() for path in (hub / ".env", *(hub / "secrets").iterdir())}
