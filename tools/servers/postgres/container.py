"""Postgres as a container."""

import signal

import psycopg
from testcontainers.core.container import DockerContainer

from tools.servers.container import ServerContainer
from tools.servers.postgres.embedded import DATABASE, USER

IMAGE = "postgres:15-bookworm"
PORT = 5432
SETTINGS = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


class ContainedPostgres(ServerContainer):
    """A Postgres server in a container; see `server.PostgresServer`. Starts running."""

    def __init__(self, why: str) -> None:
        container = DockerContainer(IMAGE).with_command(["postgres", *SETTINGS])
        container.with_envs(POSTGRES_USER=USER, POSTGRES_PASSWORD=USER, POSTGRES_DB=DATABASE)
        super().__init__(container, PORT, _is_ready, why)
        self.dsn = _dsn(self.host, self.port)

    def stop(self) -> None:
        """Stop it in an orderly way."""
        self.end(signal.SIGINT)


def _dsn(host: str, port: int) -> str:
    return f"postgresql://{USER}:{USER}@{host}:{port}/{DATABASE}"


def _is_ready(host: str, port: int) -> bool:
    # An open port proves nothing: the image's first start runs a server that only prepares.
    try:
        psycopg.connect(_dsn(host, port), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
