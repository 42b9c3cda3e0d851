"""Gathers the facts: from the registry, and with this machine's own eyes."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families

from services.cli.api import Api, address
from services.cli.doctor.facts import Facts, Health, Port
from services.cli.doctor.health_ports import IN_CONTAINERS, fetch, usual_health_urls
from services.cli.doctor.probes import answers, is_inside, look_at_port, needs_no_password
from services.cli.doctor.upkeep_rules import LATELY
from services.cli.failures import UnreachableError
from shared.version import VERSION

STRANGER: Final = "stranger.example.com"
"""A name that no hub has (RFC 2606)."""
_REDIS: Final = 6379
_STORES: Final = {
    _REDIS: "Redis",
    5432: "Postgres",
    9090: "Prometheus",
    9093: "Alertmanager",
}
"""What only the hub's own services reach, by its usual port."""
_PORTS: Final = {"https": 443, "http": 80}
_MOST_LOGINS: Final = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a port is."""

    host: str
    number: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where to look.

    Attributes:
        chargers: The port of chargers; None: where it usually is.
        widgets: That of widgets, likewise.
        health: URLs of health ports; empty: where they usually are.
    """

    chargers: Place | None = None
    widgets: Place | None = None
    health: Sequence[str] = ()


def look(api: Api, places: Places, now: datetime) -> Facts:
    """Look at a hub.

    Raises:
        RefusedError: The key is not an admin's.
        UnreachableError: No registry answers, or Postgres or Redis is away.
    """
    url = urlsplit(api.url)
    host = url.hostname or ""
    since = (now - LATELY).isoformat()
    return Facts(
        now=now,
        own_version=VERSION,
        support=api.get(address("support")),
        keys=api.get(address("keys"))["items"],
        refused=api.get(address("refused"))["items"],
        canaries=api.get(address("state"), canary=True)["items"],
        failed_logins=list(api.pages(address("audit"), _MOST_LOGINS, kind="login", since=since)),
        keyless_status=_status(api.url),
        stranger_status=_status(api.url, STRANGER),
        rest=look_at_port(host, url.port or _PORTS[url.scheme]),
        devices=_devices(host, places),
        health=health_of(api.url, places),
        stores=[] if is_inside(host) else _reachable(host),
        redis_needs_no_password=needs_no_password(host, _REDIS),
    )


def _status(url: str, host: str | None = None) -> int:
    """Return what a request without a key is answered."""
    headers = {"Host": host} if host else {}
    verify = ssl.create_default_context()
    try:
        answer = httpx.get(
            f"{url}/whoami", headers=headers, verify=verify, trust_env=False, timeout=5
        )
    except httpx.TransportError as error:
        raise UnreachableError(f"the registry no longer answers: {error}") from error
    return answer.status_code


def _devices(host: str, places: Places) -> list[Port]:
    usual = "loadbalancer" if host == IN_CONTAINERS else host
    chargers = places.chargers or Place(usual, 3100)
    widgets = places.widgets or Place(usual, 3200)
    return [
        look_at_port(chargers.host, chargers.number, "/chargers"),
        look_at_port(widgets.host, widgets.number, "/widgets"),
    ]


def health_of(registry_url: str, places: Places) -> list[Health]:
    """Return what is seen of all health ports of a hub."""
    if places.health:
        return [look_at_health(each) for each in places.health]
    return [
        replace(look_at_health(url), usually=service)
        for service, url in usual_health_urls(registry_url)
    ]


def look_at_health(url: str) -> Health:
    """Return what is seen of a health port."""
    inside = is_inside(urlsplit(url).hostname or "")
    try:
        said = _read(fetch(f"{url}/metrics").text)
        stranger = fetch(f"{url}/healthz", STRANGER)
    except (UnreachableError, ValueError):  # something else may be there, which has no metrics
        return Health(url, inside)
    return Health(url, inside, answers=True, serves_strangers=stranger.is_success, **said)


def _read(metrics: str) -> dict[str, Any]:
    """Return the members of `Health` that are in metrics."""
    samples = {family.name: family.samples for family in text_string_to_metric_families(metrics)}
    builds = [sample.labels for sample in samples.get("chargelight_build_info", ())]
    unsafe = [sample.value for sample in samples.get("chargelight_unsafe_settings", ())]
    return {
        "service": builds[0]["service"] if builds else "",
        "version": builds[0]["version"] if builds else "",
        "unsafe_settings": int(max(unsafe, default=0)),
        "certificate_days": {
            sample.labels["setting"]: sample.value
            for sample in samples.get("chargelight_certificate_days", ())
        },
    }


def _reachable(host: str) -> list[str]:
    return [f"{host}:{port} ({name})" for port, name in _STORES.items() if answers(host, port)]
