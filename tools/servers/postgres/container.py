"""Postgres as a container."""

import signal

import psycopg
from testcontainers.core.container import DockerContainer

from tools.servers.container import ServerContainer
from tools.servers.credentials import ADMIN
from tools.servers.postgres.databases import admin_dsn_at, create_first_database, dsn_at

IMAGE = "postgres:15-bookworm"
PORT = 5432
SETTINGS = ("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200")


class ContainedPostgres(ServerContainer):
    """A Postgres server in a container; see `server.PostgresServer`. Starts running."""

    def __init__(self, why: str) -> None:
        container = DockerContainer(IMAGE).with_command(["postgres", *SETTINGS])
        container.with_envs(
            POSTGRES_USER=ADMIN.name, POSTGRES_PASSWORD=ADMIN.password, POSTGRES_DB="postgres"
        )
        super().__init__(container, PORT, _is_ready, why)
        create_first_database(self.host, self.port)
        self.dsn, self.admin_dsn = dsn_at(self.host, self.port), admin_dsn_at(self.host, self.port)

    def stop(self) -> None:
        """Stop it in an orderly way."""
        self.end(signal.SIGINT)


def _is_ready(host: str, port: int) -> bool:
    # An open port proves nothing: the image's first start runs a server that only prepares.
    try:
        psycopg.connect(admin_dsn_at(host, port, "postgres"), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
