"""Redis as a container."""

import signal

from testcontainers.core.container import DockerContainer

from tools.servers.container import ServerContainer
from tools.servers.redis import inline_commands
from tools.servers.redis.embedded import SETTINGS, SNAPSHOT

IMAGE = "redis:7-bookworm"
PORT = 6379


class ContainedRedis:
    """A Redis server in a container; see `server.RedisServer`. Starts running.

    Args:
        why: why this source was chosen, as half a sentence.

    Raises:
        NoServerError: it does not start.
    """

    def __init__(self, why: str) -> None:
        command = ["redis-server", *SETTINGS, "--dbfilename", SNAPSHOT]
        self.container = ServerContainer(
            DockerContainer(IMAGE).with_command(command), PORT, inline_commands.is_ready
        )
        self._address = self.container.host, self.container.port
        self.url = f"redis://{self.container.host}:{self.container.port}/0"
        self.description = f"container {IMAGE} ({why})"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if not self.container.is_running:
            self.container.start()
            self._remove_snapshot()

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way."""
        if not self.container.is_running:
            return
        self.thaw()
        if not keep_data:
            self._remove_snapshot()
        inline_commands.shut_down(*self._address, keep_data=keep_data)
        self.container.wait_until_down()

    def save(self) -> None:
        """Take a snapshot for the next start."""
        inline_commands.save(*self._address)

    def kill(self) -> None:
        """End it at once."""
        if self.container.is_running:
            self.thaw()  # the engine does not kill a paused container
            self.container.end(signal.SIGKILL)

    def freeze(self) -> None:
        """Suspend it."""
        self.container.freeze()

    def thaw(self) -> None:
        """Resume it."""
        self.container.thaw()

    def close(self) -> None:
        """Remove it, with its data."""
        self.container.close()

    def _remove_snapshot(self) -> None:
        self.container.run_inside("rm", "-f", f"/data/{SNAPSHOT}")
