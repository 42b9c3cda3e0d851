"""Postgres as a container."""

import signal

import psycopg
from testcontainers.community.postgres import PostgresContainer

from tools.servers.container import ServerContainer
from tools.servers.postgres.embedded import DATABASE, USER

IMAGE = "postgres:15-bookworm"
PORT = 5432
SETTINGS = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


class ContainedPostgres:
    """A Postgres server in a container; see `postgres_server.PostgresServer`. Starts running.

    Args:
        why: why this way was chosen, as half a sentence.

    Raises:
        NoServerError: it does not come up.
    """

    def __init__(self, why: str) -> None:
        container = PostgresContainer(
            IMAGE, PORT, username=USER, password=USER, dbname=DATABASE, driver=None
        )
        self._container = ServerContainer(
            container.with_command(["postgres", *SETTINGS]), PORT, _is_ready
        )
        self._running = True
        self.dsn = _dsn(self._container.host, self._container.port)
        self.description = f"container {IMAGE} ({why})"

    def start(self) -> None:
        """Start it, and wait until it takes connections."""
        if not self._running:
            self._container.start()
            self._running = True

    def stop(self) -> None:
        """Stop it in an orderly way."""
        if self._running:
            self._container.end(signal.SIGINT)
            self._running = False

    def kill(self) -> None:
        """End it at once."""
        if self._running:
            self._container.end(signal.SIGKILL)
            self._running = False

    def close(self) -> None:
        """Remove it, with its data."""
        self._container.close()


def _dsn(host: str, port: int) -> str:
    return f"postgresql://{USER}:{USER}@{host}:{port}/{DATABASE}"


def _is_ready(host: str, port: int) -> bool:
    # An open port says nothing: the image's first start runs a server that only prepares.
    try:
        psycopg.connect(_dsn(host, port), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
