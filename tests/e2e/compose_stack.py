"""The compose stack as a test sees it: brought up, asked, damaged, taken down.

Works with ``docker-compose`` (1.29) and ``docker compose`` (v2). What the two
answer differently (``ps``, names of containers) is asked of the engine instead,
by the labels that both give their containers.
"""

import contextlib
import functools
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import subnets
from tools.servers.ports import free_port

ROOT = Path(__file__).resolve().parents[2]

BUILD_SECONDS = 420.0
"""How long building images may take."""
_QUICK_SECONDS = 30.0
_UP_SECONDS = 150.0
_FACT_SECONDS = 90.0


class StackError(AssertionError):
    """A command of Docker failed, or a fact did not come about in time."""


@functools.cache
def compose_command() -> tuple[str, ...]:
    """Return how Compose is called here, or nothing if it cannot be used."""
    for command in (("docker", "compose"), ("docker-compose",)):
        if shutil.which(command[0]) and _succeeds(*command, "version"):
            return command
    return ()


@functools.cache
def why_not() -> str | None:
    """Return why no stack can be brought up on this machine, or None."""
    if os.environ.get("CHARGELIGHT_TEST_COMPOSE") == "off":
        return "CHARGELIGHT_TEST_COMPOSE is off"
    if not shutil.which("docker") or not _succeeds("docker", "info"):
        return "no Docker engine answers"
    if not compose_command():
        return "neither `docker compose` nor `docker-compose` is installed"
    return None


def run(*command: str, timeout_seconds: float = _QUICK_SECONDS, **extra: str) -> str:
    """Run a command in the project's root and return its standard output.

    Raises:
        StackError: It failed or took too long; the text holds what it wrote.
    """
    try:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **extra},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{command} took more than {timeout_seconds} s") from error
    if ended.returncode != 0:
        raise StackError(f"{command} exited {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return ended.stdout


def wait_until(true: Callable[[], bool], what: str, why: Callable[[], object] = str) -> None:
    """Poll until a fact holds, for things that nobody announces.

    Raises:
        StackError: It did not become true in time.
    """
    deadline = time.monotonic() + _FACT_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise StackError(f"not within {_FACT_SECONDS} s: {what}. {why()}")
        time.sleep(0.1)


class Stack:
    """One run of docker-compose.yml: project name, ports, volumes and image tags of its own."""

    def __init__(self, *overlays: str, **settings: str) -> None:
        self._files = ["docker-compose.yml", *overlays]
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        """With the file that gives the networks small subnets, from `up` to `down`."""
        self._tag = f"test-{secrets.token_hex(4)}"
        self.project = f"chargelight-{self._tag}"
        self.charger_port, self.widget_port, self.registry_port = (free_port() for _ in range(3))
        self.prometheus_port, alertmanager_port = free_port(), free_port()
        self._settings = {
            "CHARGELIGHT_COMPOSE_TAG": self._tag,
            "CHARGELIGHT_COMPOSE_CHARGER_PORT": str(self.charger_port),
            "CHARGELIGHT_COMPOSE_WIDGET_PORT": str(self.widget_port),
            "CHARGELIGHT_COMPOSE_REGISTRY_PORT": str(self.registry_port),
            "CHARGELIGHT_COMPOSE_PROMETHEUS_PORT": str(self.prometheus_port),
            "CHARGELIGHT_COMPOSE_ALERTMANAGER_PORT": str(alertmanager_port),
            **settings,
        }

    def compose(self, *arguments: str, timeout_seconds: float = _QUICK_SECONDS) -> str:
        project = ("--project-name", self.project)
        files = [word for name in self._files for word in ("--file", name)]
        command = (*compose_command(), *project, *files, *arguments)
        return run(*command, timeout_seconds=timeout_seconds, **self._settings)

    def up(self, services: Sequence[str], gateways: int) -> None:
        """Start what is not running and wait until all of it is healthy.

        The load balancer is waited for as well: it must have found every gateway.
        """
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory()
            overlay = Path(self._folder.name, "subnets.yml")
            files = [ROOT / name for name in self._files]
            subnets.write_overlay(overlay, files, _taken_subnets())
            self._files.append(str(overlay))
        scale = ("--scale", f"gateway={gateways}")
        if not self._all_run(services) or len(self.running("gateway")) != gateways:
            self.compose("up", "-d", "--no-build", *scale, *services, timeout_seconds=_UP_SECONDS)
        wait_until(lambda: len(self.running("gateway")) == gateways, f"{gateways} gateways")
        wait_until(lambda: not self._unhealthy(), "all containers healthy", self._unhealthy)
        wait_until(lambda: self.gateways_in_use() == gateways, "the load balancer found all")

    def start(self, service: str) -> None:
        """Start one service beside those that run, without waiting for it.

        Not what it depends on: Compose would give that the number of containers in the file.
        """
        self.compose("up", "-d", "--no-build", "--no-deps", service, timeout_seconds=_UP_SECONDS)

    def down(self) -> None:
        """Remove containers, networks, volumes and tags."""
        try:
            self.compose("down", "--volumes", "--remove-orphans", timeout_seconds=120)
        except StackError as error:
            if "has active endpoints" not in str(error):
                raise
            self._remove_what_is_left()
        # The layers below stay: they are what makes the next build quick.
        for image in run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").split():
            if image.endswith(f":{self._tag}"):
                run("docker", "rmi", "--no-prune", image)
        if self._folder is not None:
            self._folder.cleanup()

    def _remove_what_is_left(self) -> None:
        """Remove networks and volumes, as far as the engine lets us: the containers are gone.

        An older engine sometimes takes one that is gone for an endpoint of its network, until it is
        restarted, and Compose then stops there.
        """
        ours = f"label=com.docker.compose.project={self.project}"
        for kind in ("network", "volume"):
            for name in run("docker", kind, "ls", "--quiet", "--filter", ours).split():
                with contextlib.suppress(StackError):
                    run("docker", kind, "rm", name)

    def logs(self) -> str:
        """Return the last lines of every container's log, and who is not healthy."""
        lines = self.compose("logs", "--no-color", "--tail", "60")
        return "\n".join([lines, *self._unhealthy()])

    def running(self, service: str) -> list[str]:
        return self._containers(service)

    def ended(self, service: str) -> list[str]:
        return self._containers(service, "--filter", "status=exited")

    def inspect(self, container: str) -> dict[str, Any]:
        answer: list[dict[str, Any]] = json.loads(run("docker", "inspect", container))
        return answer[0]

    def inside(self, service: str, *command: str) -> str:
        """Run a command in a container of a service; in a new one if none runs."""
        if running := self.running(service):
            return run("docker", "exec", running[0], *command)
        program, *arguments = command
        new = ("run", "--rm", "--no-deps", "-T", "--entrypoint", program, service)
        return self.compose(*new, *arguments)

    def run_image(self, service: str, *command: str) -> str:
        """Run a command in a container of an image that was built here, as nothing confines it."""
        program, *arguments = command
        image = f"chargelight-{service}:{self._tag}"
        root = ("--rm", "--user", "0", "--entrypoint", program)
        return run("docker", "run", *root, image, *arguments)

    def address(self, container: str, network: str = "devices") -> str:
        """Return the container's IP address; Linux hosts can connect to it."""
        return self._network_of(container, network)["IPAddress"]

    def addresses(self, container: str) -> list[str]:
        """Return its IP addresses in all its networks."""
        networks = self.inspect(container)["NetworkSettings"]["Networks"]
        return [network["IPAddress"] for network in networks.values()]

    def gateway_address(self, container: str) -> str:
        """Return the address of this machine in the container's network of REST, on Linux."""
        return self._network_of(container, "rest")["Gateway"]

    def _network_of(self, container: str, network: str) -> dict[str, str]:
        networks: dict[str, dict[str, str]]
        networks = self.inspect(container)["NetworkSettings"]["Networks"]
        return networks[f"{self.project}_{network}"]

    def metric(self, container: str, sample: str) -> float:
        """Return a sample out of a gateway's /metrics, 0 if it is not there."""
        script = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
        url = "http://127.0.0.1:3101/metrics"
        return _sample(run("docker", "exec", container, "python", "-c", script, url), sample)

    def gateways_in_use(self) -> int:
        """Return to how many gateways the load balancer sends chargers and widgets."""
        (balancer,) = self.running("loadbalancer")
        script = (
            r'exec 3<>/dev/tcp/127.0.0.1/8404; printf "GET /metrics HTTP/1.0\r\n\r\n" >&3; cat <&3'
        )
        text = run("docker", "exec", balancer, "bash", "-c", script)
        name = "haproxy_backend_active_servers"
        kinds = ("gateways_chargers", "gateways_widgets")
        return int(min(_sample(text, f'{name}{{proxy="{kind}"}}') for kind in kinds))

    def _containers(self, service: str, *filters: str) -> list[str]:
        label = "label=com.docker.compose"
        return run(
            "docker", "ps", "--quiet", "--no-trunc", *filters,
            "--filter", f"{label}.project={self.project}", "--filter", f"{label}.service={service}",
        ).split()  # fmt: skip

    def _all_run(self, services: Sequence[str]) -> bool:
        # All at once: each command of the engine's takes a good part of a second.
        mine = f"label=com.docker.compose.project={self.project}"
        its_service = '{{.Label "com.docker.compose.service"}}'
        running = run("docker", "ps", "--filter", mine, "--format", its_service)
        return set(services) <= set(running.split())

    def _unhealthy(self) -> list[str]:
        """Return the containers that run but are not healthy, with what their checks said."""
        label = f"label=com.docker.compose.project={self.project}"
        containers = run("docker", "ps", "--quiet", "--filter", label).split()
        said = []
        for found in json.loads(run("docker", "inspect", *containers)) if containers else ():
            health = found["State"].get("Health", {"Status": "unchecked", "Log": []})
            if health["Status"] != "healthy":
                last = health["Log"][-1]["Output"].strip() if health["Log"] else ""
                said.append(f"{found['Name']} is {health['Status']}: {last}")
        return said


@contextlib.contextmanager
def open_stack(
    stack: Stack,
    services: Sequence[str],
    gateways: int,
    built: Sequence[str] = (),
    provide: Callable[[], None] = lambda: None,
) -> Iterator[Stack]:
    """Build a stack (by default all its images) and bring it up, or skip the tests.

    `provide` gets the images that are neither built by Compose nor on every machine.
    """
    if reason := why_not():
        if os.environ.get("CHARGELIGHT_TEST_COMPOSE") == "required":
            pytest.fail(f"CHARGELIGHT_TEST_COMPOSE is required, but: {reason}")
        pytest.skip(f"the compose stack is not tested: {reason}")
    try:
        provide()
        stack.compose("build", *built, timeout_seconds=BUILD_SECONDS)
        stack.up(services, gateways)
        yield stack
    except StackError as error:
        pytest.fail(f"{error}\n{stack.logs()}", pytrace=False)
    finally:
        stack.down()


def _taken_subnets() -> Iterator[IPv4Network]:
    every = run("docker", "network", "ls", "--quiet", "--filter", "driver=bridge").split()
    for network in every:
        # Another run may have removed it meanwhile.
        with contextlib.suppress(StackError):
            for found in json.loads(run("docker", "network", "inspect", network)):
                for part in found["IPAM"]["Config"] or ():
                    if ":" not in part["Subnet"]:
                        yield IPv4Network(part["Subnet"])


def _sample(text: str, sample: str) -> float:
    for line in text.splitlines():
        if line.startswith(f"{sample} "):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


def _succeeds(*command: str) -> bool:
    try:
        run(*command)
    except StackError:
        return False
    return True
