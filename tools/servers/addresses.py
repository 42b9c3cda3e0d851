"""Addresses of servers, as they may be printed."""

from urllib.parse import urlunsplit

from shared.process.checks.urls import WrongUrlError, hosts_of, split_url

_SCHEMES = ("redis", "rediss", "unix", "postgresql", "postgres")


def without_password(address: str) -> str:
    """The same address with its password replaced by ``***``, and without parameters.

    Where it cannot be told what the password is, nothing of it is shown.
    """
    try:
        parts = split_url(address, _SCHEMES)
    except WrongUrlError:
        return "an address that is not shown, as there may be a password in it"
    where = parts.netloc
    if parts.password is not None:
        where = f"{parts.username or ''}:***@{','.join(hosts_of(parts))}"
    return urlunsplit(parts._replace(netloc=where, query=""))
