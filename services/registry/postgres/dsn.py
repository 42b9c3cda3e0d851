"""The connection string in the settings, checked before anything connects with it."""

import re
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from shared.process.checks.urls import split_url

_URL: Final = re.compile("[^ =]+://")
_SCHEMES: Final = ("postgresql", "postgres")

_NOWHERE: Final = "/chargelight-checks-its-settings"
"""A folder of sockets that is not there."""

_NUMBERS: Final = (
    *("connect_timeout", "tcp_user_timeout"),
    *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
)
"""Parameters that libpq only reads once it has a connection."""


def check_dsn(text: str) -> None:
    """Check a URL, or a text of ``name=value`` pairs.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING

    Raises:
        ValueError: libpq cannot use it. No part of it is quoted: it may hold a password.
    """
    if _URL.match(text):
        split_url(text, _SCHEMES)
    try:
        parameters = conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        parameters = {}
    if not parameters:
        raise ValueError("it cannot be read as a connection string, or has an unknown parameter")
    for name in _NUMBERS:
        if not re.fullmatch("[0-9]+", str(parameters.get(name, 0))):
            raise ValueError(f"{name} must be a whole number")
    if not _reaches_nowhere(parameters):
        raise ValueError("a port, or the value of a parameter, is not allowed")


def names_tls(dsn: str) -> bool:
    """Tell whether a connection string that can be used has parameters of TLS."""
    return any(name.startswith("ssl") for name in conninfo_to_dict(dsn))


def trusts_any_server(dsn: str) -> bool:
    """Tell whether it asks for TLS, and then lets another server pass for Postgres.

    `verify-ca`, and `require` with a CA, take the certificate of any name.
    https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-SSLMODE-STATEMENTS
    """
    return conninfo_to_dict(dsn).get("sslmode") in ("require", "verify-ca")


def with_parameters(dsn: str, parameters: Mapping[str, str]) -> str:
    """Return a connection string with more parameters."""
    return make_conninfo(dsn, **parameters)


def _reaches_nowhere(parameters: dict[str, Any]) -> bool:
    """Whether nothing but the host is wrong once the host is a socket that is not there.

    libpq checks values only when it connects. So it does, without reaching anything.
    """
    hosts = str(parameters.get("host") or parameters.get("hostaddr") or "").count(",") + 1
    tried = parameters | {"host": ",".join([_NOWHERE] * hosts), "hostaddr": None}
    connection = pq.PGconn.connect_start(make_conninfo(**tried).encode())
    try:
        return _NOWHERE.encode() in connection.error_message
    finally:
        connection.finish()
