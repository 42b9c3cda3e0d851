"""Redis as a container."""

import signal
from contextlib import suppress

from testcontainers.community.redis import RedisContainer

from tools.servers.container import ServerContainer
from tools.servers.redis import redis_line
from tools.servers.redis.embedded import SETTINGS, SNAPSHOT

IMAGE = "redis:7-bookworm"
PORT = 6379


class ContainedRedis:
    """A Redis server in a container; see `redis_server.RedisServer`. Starts running.

    Args:
        why: why this way was chosen, as half a sentence.

    Raises:
        NoServerError: it does not come up.
    """

    def __init__(self, why: str) -> None:
        self._container = ServerContainer(
            RedisContainer(IMAGE, PORT).with_command(
                ["redis-server", *SETTINGS, "--dbfilename", SNAPSHOT]
            ),
            PORT,
            redis_line.is_ready,
        )
        self._running = True
        self.url = f"redis://{self._container.host}:{self._container.port}/0"
        self.command_line = f"docker exec -it {self._container.id[:12]} redis-cli"
        self.description = f"container {IMAGE} ({why})"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if not self._running:
            self._container.start()
            self._running = True
            self._forget_snapshot()

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way."""
        if not self._running:
            return
        self.thaw()
        if not keep_data:
            self._forget_snapshot()
        with suppress(OSError):  # it goes without an answer
            self._ask("SHUTDOWN SAVE" if keep_data else "SHUTDOWN NOSAVE")
        self._container.wait_until_down()
        self._running = False

    def save(self) -> None:
        """Take a snapshot for the next start."""
        answer = self._ask("SAVE")
        if answer != "+OK":
            raise OSError(f"Redis took no snapshot: {answer}")

    def kill(self) -> None:
        """End it at once."""
        if self._running:
            self.thaw()  # the engine does not kill a paused container
            self._container.end(signal.SIGKILL)
            self._running = False

    def freeze(self) -> None:
        """Let it hang."""
        self._container.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        self._container.thaw()

    def close(self) -> None:
        """Remove it, with its data."""
        self._container.close()

    def _ask(self, command: str) -> str:
        return redis_line.ask(
            self._container.host, self._container.port, command, timeout_seconds=10
        )

    def _forget_snapshot(self) -> None:
        self._container.run_inside(["rm", "-f", f"/data/{SNAPSHOT}"])
