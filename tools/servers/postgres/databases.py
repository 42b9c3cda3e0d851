"""Creating and dropping databases on a Postgres server."""

from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

EMPTY = "template0"


def create_database(dsn: str, name: str, *, template: str = EMPTY) -> None:
    """Create a database as a copy of a template, which must have no connections."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def drop_database(dsn: str, name: str) -> None:
    """Drop a database and end its connections; a missing one is no error."""
    with psycopg.connect(dsn, autocommit=True) as connection:
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
