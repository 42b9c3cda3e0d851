"""A Redis Cluster, all in one container: inside, 127.0.0.1 leads to every node."""

import time
from contextlib import ExitStack

from testcontainers.core.container import DockerContainer

from tools.servers.container import publish, run_inside, running
from tools.servers.embedded import START_SECONDS
from tools.servers.ports import LOOPBACK, free_port
from tools.servers.redis import inline_commands
from tools.servers.redis.cluster import SETTINGS as CLUSTER_SETTINGS
from tools.servers.redis.cluster import RedisCluster
from tools.servers.redis.configuration import configuration
from tools.servers.redis.container import CONFIGURE, IMAGE
from tools.servers.redis.embedded import SNAPSHOT
from tools.servers.wheels import NoServerError


class ContainedNode:
    """One node; see `cluster.ClusterNode`. It is not started yet."""

    def __init__(self, container: DockerContainer, port: int) -> None:
        self._container = container
        self.port = port
        self.bus_port = port + 1  # inside, all ports are ours
        self._folder = f"/data/{port}"
        self._running = False
        self._pid = ""

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if self._running:
            return
        self._run("mkdir", "-p", self._folder)
        ports = f"--port {self.port} --cluster-port {self.bus_port}"
        self._container.get_wrapped_container().exec_run(
            ["sh", "-c", f"{CONFIGURE}; exec redis-server {self._folder}/redis.conf {ports}"],
            workdir=self._folder,
            detach=True,
        )
        deadline = time.monotonic() + START_SECONDS
        while not inline_commands.is_ready((LOOPBACK, self.port)):
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
        inline_commands.shut_down((LOOPBACK, self.port), keep_data=keep_data)
        self._wait_until_down()

    def kill(self) -> None:
        """End it at once."""
        if self._running:
            self._signal("KILL")
            self._wait_until_down()

    def freeze(self) -> None:
        """Suspend it."""
        self._signal("STOP")

    def thaw(self) -> None:
        """Resume it."""
        if self._running:
            self._signal("CONT")

    def _signal(self, name: str) -> None:
        self._run("sh", "-c", f"kill -{name} {self._pid}")

    def _wait_until_down(self) -> None:
        self._run("sh", "-c", f"while [ -d /proc/{self._pid} ]; do sleep 0.01; done")
        self._running = False

    def _run(self, *command: str) -> str:
        return run_inside(self._container, *command)


def contained_cluster(count: int, why: str) -> RedisCluster:
    """Start a cluster of so many nodes."""
    # An init process collects the processes that were killed inside.
    container = DockerContainer(IMAGE).with_kwargs(init=True)
    container.with_command(["sleep", "infinity"])
    settings = (f"dbfilename {SNAPSHOT}", "pidfile pid", "protected-mode no", *CLUSTER_SETTINGS)
    container.with_env("CONFIGURATION", configuration(*settings))
    nodes = [ContainedNode(container, free_port()) for _ in range(count)]
    for node in nodes:
        publish(container, node.port, node.port)
    with ExitStack() as stack:
        stack.enter_context(running(container))
        for node in nodes:
            node.start()
        return RedisCluster(
            nodes, description=f"container {IMAGE} ({why})", close=stack.pop_all().close
        )
