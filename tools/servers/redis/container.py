"""Redis as a container."""

from testcontainers.core.container import DockerContainer

from tools.servers.container import ServerContainer
from tools.servers.credentials import ADMIN, SERVICES
from tools.servers.redis import inline_commands
from tools.servers.redis.configuration import configuration
from tools.servers.redis.embedded import SNAPSHOT

IMAGE = "redis:7-bookworm"
PORT = 6379

CONFIGURE = 'umask 077; printf %s "$CONFIGURATION" >redis.conf'
"""For a shell in the folder of the data."""


class ContainedRedis(ServerContainer):
    """A Redis server in a container; see `server.RedisServer`. Starts running."""

    def __init__(self, why: str) -> None:
        start = f"{CONFIGURE}; exec docker-entrypoint.sh redis-server /data/redis.conf"
        container = DockerContainer(IMAGE).with_command(["sh", "-c", start])
        container.with_env("CONFIGURATION", configuration(f"dbfilename {SNAPSHOT}"))
        super().__init__(container, PORT, self._answers, why)
        self.url = f"redis://{SERVICES.at(f'{self.host}:{self.port}')}/0"
        self.admin_url = f"redis://{ADMIN.at(f'{self.host}:{self.port}')}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if not self.is_running:
            super().start()
            self._remove_snapshot()

    def stop(self, *, keep_data: bool = False) -> None:
        """Stop it in an orderly way."""
        if not self.is_running:
            return
        self.thaw()
        if not keep_data:
            self._remove_snapshot()
        inline_commands.shut_down((self.host, self.port), keep_data=keep_data)
        self.wait_until_down()

    def save(self) -> None:
        """Take a snapshot for the next start."""
        inline_commands.save((self.host, self.port))

    def kill(self) -> None:
        """End it at once."""
        if self.is_running:
            self.thaw()  # the engine does not kill a paused container
            super().kill()

    @staticmethod
    def _answers(host: str, port: int) -> bool:
        return inline_commands.is_ready((host, port))

    def _remove_snapshot(self) -> None:
        self.run_inside("rm", "-f", f"/data/{SNAPSHOT}")
