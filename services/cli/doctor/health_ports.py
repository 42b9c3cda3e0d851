"""The health ports of services, by where they usually are."""

import contextlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx
import typer

from services.cli.failures import UnreachableError

_PORTS: Final = {"gateway": 3101, "router": 3102, "registry": 3103}
IN_CONTAINERS: Final = "registry"
"""Where the registry is in a network of containers; there, each service has its name."""


def usual_health_urls(registry_url: str) -> Iterator[tuple[str, str]]:
    """Yield where the services' health ports are if the registry is at a URL, by their names."""
    host = urlsplit(registry_url).hostname or ""
    for service, port in _PORTS.items():
        where = service if host == IN_CONTAINERS else f"[{host}]" if ":" in host else host
        yield service, f"http://{where}:{port}"


def fetch(url: str, host: str | None = None) -> httpx.Response:
    """Return what a health port answers.

    Args:
        url: What is asked for.
        host: What ``Host`` says; None: the host of the URL.

    Raises:
        UnreachableError: Nothing answers.
    """
    try:
        headers = {"Host": host} if host else {}
        return httpx.get(url, timeout=3, trust_env=False, headers=headers)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise UnreachableError(str(error) or type(error).__name__) from error


def health_urls(urls: list[str] | None) -> list[str] | None:
    """Refuse all if one is no address of a health port, before anything is done."""
    for url in urls or ():
        if not _is_http_url(url):
            raise typer.BadParameter(f"{url!r} is no URL; one is http://127.0.0.1:3101")
    return urls


def _is_http_url(text: str) -> bool:
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    return False
