"""Postgres as a container."""

import signal

import psycopg
from testcontainers.core.container import DockerContainer

from tools.servers.container import ServerContainer
from tools.servers.postgres.embedded import DATABASE, USER

IMAGE = "postgres:15-bookworm"
PORT = 5432
SETTINGS = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


class ContainedPostgres:
    """A Postgres server in a container; see `server.PostgresServer`. Starts running.

    Args:
        why: why this source was chosen, as half a sentence.

    Raises:
        NoServerError: it does not start.
    """

    def __init__(self, why: str) -> None:
        container = DockerContainer(IMAGE).with_command(["postgres", *SETTINGS])
        container.with_envs(POSTGRES_USER=USER, POSTGRES_PASSWORD=USER, POSTGRES_DB=DATABASE)
        self._container = ServerContainer(container, PORT, _is_ready)
        self.dsn = _dsn(self._container.host, self._container.port)
        self.description = f"container {IMAGE} ({why})"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        self._container.start()

    def stop(self) -> None:
        """Stop it in an orderly way."""
        self._container.end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once."""
        self._container.end(signal.SIGKILL)

    def close(self) -> None:
        """Remove it, with its data."""
        self._container.close()


def _dsn(host: str, port: int) -> str:
    return f"postgresql://{USER}:{USER}@{host}:{port}/{DATABASE}"


def _is_ready(host: str, port: int) -> bool:
    # An open port proves nothing: the image's first start runs a server that only prepares.
    try:
        psycopg.connect(_dsn(host, port), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
