"""Addresses of servers, as they may be printed."""

from urllib.parse import urlsplit, urlunsplit


def without_password(address: str) -> str:
    """The same address with its password replaced by ``***``."""
    parts = urlsplit(address)
    if parts.password is None:
        return address
    user_and_host = f"{parts.username or ''}:***@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=user_and_host))
