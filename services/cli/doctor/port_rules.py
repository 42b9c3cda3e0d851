"""What can be reached, and how: plain ports, TLS, names, certificates. No I/O."""

import math
from collections.abc import Iterator
from http import HTTPStatus
from typing import Final

from services.cli.doctor.facts import Facts, Port
from services.cli.doctor.finding import Finding, Mark, name_some

LEAST_DAYS: Final = 14
"""A certificate that ends sooner needs a new one now; alerts have the same number."""
_DAY_SECONDS: Final = 86_400
_SERVED: Final = (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED)
_DECIDED: Final = (HTTPStatus.SWITCHING_PROTOCOLS, HTTPStatus.UNAUTHORIZED)
_OLD_REDIS: Final = ("5", "6")
_REDIS_USERS: Final = "a user for each service, default off: docs/operations.md, Rights in Redis"
_ALLOWED_HOSTS: Final = "a proxy in front must pass Host on, or refuse names that are not its own"


def check_rest(facts: Facts) -> Iterator[Finding]:
    """Check the port that operators use."""
    yield from _check_tls(facts.rest, "CHARGELIGHT_REGISTRY_TLS_CERTIFICATE and …_TLS_KEY")
    if facts.stranger_status in _SERVED:
        yield Finding(
            Mark.WRONG,
            "REST answers under a name that is not the hub's: a web page could use that",
            _ALLOWED_HOSTS,
        )


def check_device_ports(facts: Facts) -> Iterator[Finding]:
    """Check the ports that devices use."""
    for port in facts.devices:
        if not port.answers:
            yield Finding(
                Mark.UNKNOWN,
                f"nothing answers at {port.where}",
                "name the ports of devices: --chargers HOST:PORT, --widgets HOST:PORT",
            )
            continue
        yield from _check_tls(port, "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE and …_TLS_KEY")
        # A port that wants a certificate ends a connection without one, in TLS.
        if port.status not in _DECIDED and not (port.has_tls and port.status is None):
            yield Finding(
                Mark.UNKNOWN,
                f"{port.where} answered {port.status or 'nothing'}: whom it lets in is not known",
                "see its /readyz",
            )


def check_health_ports(facts: Facts) -> Iterator[Finding]:
    """Check who reads health and metrics."""
    strangers = [each.url for each in facts.health if each.serves_strangers]
    if strangers:
        yield Finding(
            Mark.WRONG,
            f"{name_some(strangers)} answer under a name that is not the hub's",
            _ALLOWED_HOSTS,
        )
    outside = [each.url for each in facts.health if each.answers and not each.is_inside]
    if outside:
        yield Finding(
            Mark.NOTE,
            f"health and metrics are plain, and reachable from here: {name_some(outside)}",
            "keep them inside a network of your own",
        )


def check_stores(facts: Facts) -> Iterator[Finding]:
    """Check that Redis and Postgres are out of reach, and what services are there."""
    protection = facts.support["protection"]
    if facts.redis_needs_no_password:
        yield Finding(
            Mark.WRONG,
            "Redis answers without a password",
            _REDIS_USERS,
        )
    if facts.stores:
        yield Finding(
            Mark.WRONG,
            f"reachable from this machine: {name_some(facts.stores)}",
            "let only the services of the hub reach them, with networks or a firewall",
        )
    if protection["redis_user"] == "default":
        yield Finding(
            Mark.WRONG,
            "the registry's user of Redis is default, which may do everything",
            _REDIS_USERS,
        )
    version = facts.support["versions"].get("redis", "")
    if version.partition(".")[0] in _OLD_REDIS:
        yield Finding(
            Mark.NOTE,
            f"Redis {version} has no rights for reading alone: who gets into a gateway can write "
            "the directory",
            "Redis 7 or newer, or Valkey",
        )
    role = protection["postgres_role"]
    if role in ("superuser", "owner"):
        what = "is a superuser" if role == "superuser" else "owns the tables"
        yield Finding(
            Mark.WRONG,
            f"the registry's user of Postgres {what}: it could rewrite the audit log",
            "a user of its own: docs/operations.md, Roles in Postgres",
        )


def check_certificates(facts: Facts) -> Iterator[Finding]:
    """Check how long certificates and revocation lists last."""
    found = {
        f"{health.service or health.url}: {setting}": days
        for health in facts.health
        for setting, days in health.certificate_days.items()
    }
    for port in (facts.rest, *facts.devices):
        if port.ends_at is not None:
            found[port.where] = (port.ends_at - facts.now).total_seconds() / _DAY_SECONDS
    late = [
        f"{name} ({_end_in(days)})"
        for name, days in found.items()
        if math.isnan(days) or days < LEAST_DAYS
    ]
    if late:
        yield Finding(
            Mark.WRONG,
            f"they end within {LEAST_DAYS} days: {name_some(late)}",
            "put new ones in their place; the hub takes them within 10 s, without a restart "
            "(Compose's load balancer after take-certificate: docs/security.md, With Compose)",
        )


def _end_in(days: float) -> str:
    if math.isnan(days):
        return "cannot be read"
    return "has ended" if days < 0 else f"in {days:.0f} days"


def _check_tls(port: Port, settings: str) -> Iterator[Finding]:
    if not port.has_tls and not port.is_inside:
        yield Finding(
            Mark.WRONG,
            f"{port.where} speaks plain: anyone in between can read keys and secrets",
            f"set {settings}",
        )
    if port.takes_old_tls:
        yield Finding(
            Mark.WRONG,
            f"{port.where} takes TLS 1.1, which is broken (RFC 8996)",
            "the hub itself does not: set what ends TLS before it to 1.2 and up",
        )
