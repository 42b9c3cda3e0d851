"""Nodes of a Redis Cluster, all in one container: to them, 127.0.0.1 is each other."""

import shutil
import time
from contextlib import suppress

from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.container import DockerContainer

from tools.servers.cleanup_on_exit import CleanupOnExit
from tools.servers.container import CONTAINER_TROUBLE
from tools.servers.ports import LOOPBACK, free_port
from tools.servers.redis import redis_line
from tools.servers.redis.cluster import SETTINGS as OF_CLUSTER
from tools.servers.redis.container import IMAGE
from tools.servers.redis.embedded import SETTINGS, SNAPSHOT, START_SECONDS
from tools.servers.wheels import NoServerError


class ContainedNode:
    """One node; see `redis_cluster.ClusterNode`. It is not started yet.

    Args:
        container: where it is to run.
        port: where clients reach it, in there and from here.
    """

    def __init__(self, container: DockerContainer, port: int) -> None:
        self._container = container
        self.port = port
        self.bus_port = port + 1  # in there all ports are ours
        self._folder = f"/data/{port}"
        self._running = False
        self._pid = ""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if self._running:
            return
        self._run("mkdir", "-p", self._folder)
        self._container.get_wrapped_container().exec_run(
            [
                *("redis-server", "--port", str(self.port), "--cluster-port", str(self.bus_port)),
                *("--dir", self._folder, "--dbfilename", SNAPSHOT),
                *("--pidfile", f"{self._folder}/pid", "--protected-mode", "no"),
                *SETTINGS,
                *OF_CLUSTER,
            ],
            detach=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not redis_line.is_ready(LOOPBACK, self.port):
            if time.monotonic() > deadline:
                raise NoServerError(f"no node answers at port {self.port}")
            time.sleep(0.02)
        self._running = True
        # Asked now: a node that ends in an orderly way removes the file.
        self._pid = self._run("cat", f"{self._folder}/pid").strip()
        # Loaded. It must not come back a second time, after a kill much later.
        self._run("rm", "-f", f"{self._folder}/{SNAPSHOT}")

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way."""
        if not self._running:
            return
        self.thaw()
        with suppress(OSError):  # it goes without an answer
            command = "SHUTDOWN SAVE" if keep_data else "SHUTDOWN NOSAVE"
            redis_line.ask(LOOPBACK, self.port, command, timeout_seconds=10)
        self._wait_until_down()

    def kill(self) -> None:
        """End it at once."""
        if self._running:
            self._signal("KILL")
            self._wait_until_down()

    def freeze(self) -> None:
        """Let it hang."""
        self._signal("STOP")

    def thaw(self) -> None:
        """Let it go on."""
        if self._running:
            self._signal("CONT")

    def _signal(self, name: str) -> None:
        self._run("sh", "-c", f"kill -{name} {self._pid}")

    def _wait_until_down(self) -> None:
        self._run("sh", "-c", f"while [ -d /proc/{self._pid} ]; do sleep 0.01; done")
        self._running = False

    def _run(self, *command: str) -> str:
        code, output = self._container.get_wrapped_container().exec_run(list(command))
        said: str = output.decode(errors="replace")
        if code != 0:
            raise OSError(f"{command[0]} in the container failed: {said}")
        return said


class ContainedNodes:
    """Nodes in a container; see `redis_cluster.Nodes`."""

    def __init__(self, count: int, why: str) -> None:
        self._last_will: CleanupOnExit | None = None
        # An init collects what was killed in there.
        self._container = DockerContainer(IMAGE).with_kwargs(init=True)
        self._container.with_command(["sleep", "infinity"])
        self.nodes: list[ContainedNode] = []
        for _ in range(count):
            port = free_port()
            self._container.with_bind_ports(port, port)
            self.nodes.append(ContainedNode(self._container, port))
        try:
            self._container.start()
            docker = shutil.which("docker") or "docker"
            name = self._container.get_container_id()
            self._last_will = CleanupOnExit([docker, "rm", "--force", "--volumes", name])
            for node in self.nodes:
                node.start()
        except CONTAINER_TROUBLE as error:
            self.close()
            raise NoServerError(f"the container {IMAGE} does not start: {error}") from error
        except BaseException:
            self.close()
            raise
        self.description = f"in a container {IMAGE} ({why})"
        self.command_line = f"docker exec -it {name[:12]} redis-cli -c -p {self.nodes[0].port}"

    def close(self) -> None:
        """Remove it, with its data."""
        with suppress(*CONTAINER_TROUBLE, DockerException):
            self._container.stop()
        last_will, self._last_will = self._last_will, None
        if last_will is not None:
            last_will.revoke()


def contained_nodes(count: int, why: str) -> ContainedNodes:
    """Start nodes in a container."""
    return ContainedNodes(count, why)
