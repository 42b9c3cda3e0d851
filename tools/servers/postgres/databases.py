"""The databases of a Postgres server, and the role of the services that owns them."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tools.servers.credentials import ADMIN, SERVICES
from tools.servers.postgres.server import Postgres

DATABASE = SERVICES.name
"""The first database of a server that we start."""

FOR_TESTS = "chargelight_test_"

EMPTY = "template0"


def dsn_at(host: str, port: int) -> str:
    """The address of the first database as the role of the services."""
    return f"postgresql://{SERVICES.at(f'{host}:{port}')}/{DATABASE}"


def admin_dsn_at(host: str, port: int, database: str = DATABASE) -> str:
    """The address of a database as a superuser."""
    return f"postgresql://{ADMIN.at(f'{host}:{port}')}/{database}"


def create_first_database(host: str, port: int) -> None:
    """Create the role of the services, which may do nothing but log in, and a database of it."""
    admin_dsn = admin_dsn_at(host, port, "postgres")
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        # Its verifier, not the password: Postgres may log the statement.
        # https://www.postgresql.org/docs/current/libpq-misc.html#LIBPQ-PQENCRYPTPASSWORDCONN
        verifier = connection.pgconn.encrypt_password(
            SERVICES.password.encode(), SERVICES.name.encode(), b"scram-sha-256"
        )
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        connection.execute(
            create.format(sql.Identifier(SERVICES.name), sql.Literal(verifier.decode()))
        )
    create_database(admin_dsn, DATABASE, SERVICES.name)


@contextmanager
def temporary_database(server: Postgres) -> Iterator[str]:
    """Create an empty database of the services' role; yields its address as that role."""
    with _temporary_copy(server, EMPTY) as dsn:
        yield dsn


@contextmanager
def clone_of(server: Postgres, dsn: str) -> Iterator[str]:
    """The same with what is in another one, to which nobody may be connected."""
    with _temporary_copy(server, urlsplit(dsn).path.removeprefix("/")) as copy:
        yield copy


@contextmanager
def _temporary_copy(server: Postgres, template: str) -> Iterator[str]:
    name = FOR_TESTS + secrets.token_hex(6)
    create_database(server.admin_dsn, name, urlsplit(server.dsn).username, template)
    try:
        yield dsn_of(server.dsn, name)
    finally:
        drop_database(server.admin_dsn, name)


def create_database(admin_dsn: str, name: str, owner: str | None, template: str = EMPTY) -> None:
    """Create a database as a copy of another one; without an owner it is the admin's."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}")
    role = sql.Identifier(owner) if owner else sql.SQL("DEFAULT")
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template), role))


def drop_database(admin_dsn: str, name: str) -> None:
    """Drop a database and end its connections; a missing one is no error."""
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


def dsn_of(dsn: str, name: str) -> str:
    """The address of another database on the same server.

    Raises:
        ValueError: the address is no URL (the key=value form is not supported).
    """
    parts = urlsplit(dsn)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(
            "a Postgres address has the form postgresql://user:password@host:5432/name"
        )
    return urlunsplit(parts._replace(path=f"/{name}"))
