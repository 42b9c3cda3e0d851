"""The address of Redis in the settings, checked before anything connects to it."""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from redis.asyncio import Connection, ConnectionPool, SSLConnection
from redis.exceptions import RedisError

from shared.process.checks.urls import WrongUrlError, hosts_of, split_url

_PARAMETERS: Final[Mapping[str, frozenset[str]]] = {
    "redis": frozenset(),
    "rediss": frozenset(
        f"ssl_{name}"
        for name in (
            *("ca_certs", "ca_path", "ca_data", "certfile", "keyfile", "password"),
            *("cert_reqs", "check_hostname", "ciphers", "min_version"),
        )
    ),
    "unix": frozenset({"db"}),
}
"""What may follow the question mark, by scheme: what redis-py does with it as it should. It
takes every parameter of its own for one, and fails at the first connection."""


def check_redis_url(text: str) -> None:
    """Check the address of a server, or of some servers of a cluster.

    Raises:
        WrongUrlError: Nothing can be reached with it, or not what it looks like.
    """
    parts = split_url(text, _PARAMETERS)
    _check_place(parts)
    _check_parameters(parts)
    # What is wrong in a value is found by whom it is for.
    try:
        list(_connections(parts))
    except (RedisError, TypeError, ValueError):
        raise WrongUrlError("a parameter after its ? has a value that is not allowed") from None


def trusts_any_redis(url: str) -> bool:
    """Tell whether an address that can be used asks for TLS, and lets any server pass for Redis."""
    return any(
        isinstance(each, SSLConnection) and not each.check_hostname
        for each in _connections(urlsplit(url))
    )


def _connections(parts: SplitResult) -> Iterator[Connection]:
    """Yield a connection to each host, not opened."""
    login = parts.netloc.rpartition("@")
    for host in hosts_of(parts):
        one = parts._replace(netloc="".join((*login[:2], host))).geturl()
        yield ConnectionPool.from_url(one).make_connection()  # type: ignore[no-untyped-call]


def _check_place(parts: SplitResult) -> None:
    if parts.scheme == "unix":
        if hosts_of(parts) != [""] or not parts.path.strip("/"):
            raise WrongUrlError("a socket is written unix:///run/redis.sock, with three slashes")
    elif not all(host.partition(":")[0] for host in hosts_of(parts)):
        raise WrongUrlError("it names no host")
    elif not re.fullmatch("/?[0-9]*", parts.path):
        raise WrongUrlError("after its host only the number of a database may follow: /0")


def _check_parameters(parts: SplitResult) -> None:
    allowed = _PARAMETERS[parts.scheme]
    given = parse_qsl(parts.query, keep_blank_values=True)
    names = [name for name, _ in given]
    if (
        not allowed.issuperset(names)
        or len(names) != len(set(names))
        or not all(dict(given).values())
        or (parts.query and "" in parts.query.split("&"))
    ):
        known = f"only {', '.join(sorted(allowed))}, each once" if allowed else "no parameters"
        raise WrongUrlError(f"after {parts.scheme}:// there are {known}")
