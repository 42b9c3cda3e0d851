"""A server's container: one published port that stays the same, and the faults that tests need."""

import ipaddress
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from docker.errors import DockerException  # type: ignore[import-untyped]
from requests.exceptions import RequestException
from testcontainers.core.config import ConnectionMode
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from tools.servers.ports import LOOPBACK, free_port
from tools.servers.processes.cleanup_on_exit import CleanupOnExit
from tools.servers.wheels import NoServerError

START_SECONDS = 60.0
"""A Postgres image prepares its database at the first start, on a busy machine too."""

CONTAINER_ERRORS = (DockerException, RequestException, OSError)


@contextmanager
def running(container: DockerContainer) -> Iterator[str]:
    """Run a container, and remove it with its data at the end; yields its id.

    It is removed after a crash of ours too: by testcontainers' reaper, and by a process of our own
    where that is switched off or its image is missing.

    Raises:
        NoServerError: it does not start.
    """
    cleanup: CleanupOnExit | None = None
    try:
        try:
            container.start()
        except CONTAINER_ERRORS as error:
            raise NoServerError(
                f"the container {container.image} does not start: {error}"
            ) from error
        name = container.get_container_id()
        docker = shutil.which("docker") or "docker"
        cleanup = CleanupOnExit([docker, "rm", "--force", "--volumes", name])
        yield name
    finally:
        with suppress(*CONTAINER_ERRORS):
            container.stop()
        if cleanup is not None:
            cleanup.cancel()


def publish(container: DockerContainer, inner_port: int, port: int) -> str | None:
    """Let this machine reach a port of a container, and no other machine.

    Returns the address to connect to. None: the engine is on another machine, and publishes the
    port on all of its addresses, or we would not reach it.
    """
    address = LOOPBACK if _is_here(container.get_docker_client()) else None
    # `with_bind_ports` takes no address; the client behind it does.
    ports: dict[str, Any] = container.ports
    ports[str(inner_port)] = (address or "", port)
    return address


def _is_here(client: DockerClient) -> bool:
    """Whether the engine's loopback interface is ours."""
    if client.host() != "localhost":
        return False
    if client.get_connection_mode() is ConnectionMode.docker_host:
        return True
    # We are in a container. The engine may be in it too, then its bridge has an address of ours.
    bridge = client.client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    # An engine that found its bridge there does not tell its address: it is the first one.
    own = bridge.get("Gateway") or str(ipaddress.ip_network(bridge["Subnet"])[1])
    with suppress(OSError), socket.create_server((own, 0)):
        return True
    return False


def run_inside(container: DockerContainer, *command: str) -> str:
    """Run a command in a container; returns what it printed.

    Raises:
        OSError: it failed.
    """
    code, output = container.get_wrapped_container().exec_run(list(command))
    printed: str = output.decode(errors="replace")
    if code != 0:
        raise OSError(f"{command[0]} in the container failed: {printed}")
    return printed


class ServerContainer:
    """A container with one server. Starts running.

    Args:
        container: what to run.
        inner_port: the TCP port that the server listens on inside.
        is_ready: whether the server at (host, port) answers.
        why: why this source was chosen, as half a sentence.

    Raises:
        NoServerError: it does not start.
    """

    def __init__(
        self,
        container: DockerContainer,
        inner_port: int,
        is_ready: Callable[[str, int], bool],
        why: str,
    ) -> None:
        self.description = f"container {container.image} ({why})"
        self._container = container
        self._is_ready = is_ready
        # Ports that the engine chooses change with every start; this one is part of an address.
        self.port = free_port()
        address = publish(container, inner_port, self.port)
        with ExitStack() as stack:
            self.id = stack.enter_context(running(container))
            self.host: str = address or container.get_container_host_ip()
            self._wait_until_ready()
            self._resources = stack.pop_all()
        self.is_running = True

    def start(self) -> None:
        """Start it again, with the files it had. Does nothing to a running one."""
        if not self.is_running:
            self._container.get_wrapped_container().start()
            self._wait_until_ready()
            self.is_running = True

    def end(self, number: signal.Signals) -> None:
        """Send its first process a signal, and wait until it has ended."""
        if self.is_running:
            with suppress(DockerException):  # it is down already
                self._container.get_wrapped_container().kill(number.name)
            self.wait_until_down()

    def kill(self) -> None:
        """End it at once."""
        self.end(signal.SIGKILL)

    def wait_until_down(self) -> None:
        """Return once its processes have ended."""
        self._container.get_wrapped_container().wait()
        self.is_running = False

    def freeze(self) -> None:
        """Suspend its processes."""
        self._container.get_wrapped_container().pause()

    def thaw(self) -> None:
        """Resume its processes."""
        with suppress(DockerException):  # it is not suspended
            self._container.get_wrapped_container().unpause()

    def run_inside(self, *command: str) -> str:
        """Run a command in it; see `run_inside`."""
        return run_inside(self._container, *command)

    def close(self) -> None:
        """Remove it, with its data."""
        self._resources.close()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready(self.host, self.port):
            if time.monotonic() > deadline:
                raise NoServerError(
                    f"the container {self._container.image} does not answer on "
                    f"{self.host}:{self.port}"
                )
            time.sleep(0.02)
