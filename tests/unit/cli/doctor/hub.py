"""A hub of which nothing is to be said, and what may be different about it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from services.cli.doctor.facts import Facts, Health, Port

NOW: Final = datetime(2026, 11, 29, 20, tzinfo=UTC)
MADE: Final = "2026-11-20T20:00:00Z"
YEAR: Final = datetime(2027, 11, 29, tzinfo=UTC)

REST: Final = Port(
    "hub:443", is_inside=False, answers=True, has_tls=True, ends_at=YEAR, takes_old_tls=False
)
CHARGERS: Final = replace(REST, where="hub:3100", status=401)
WIDGETS: Final = replace(REST, where="hub:3200", status=401)
GATEWAY: Final = Health(
    "http://10.0.0.2:3101", is_inside=True, answers=True, service="gateway", version="0.1.0"
)

PROTECTION: Final[dict[str, Any]] = {
    "warnings": [],
    "bootstrap_key": False,
    "former_digest_key": False,
    "redis_user": "chargelight-registry",
    "postgres_role": "restricted",
    "unattributed_keys": [],
}
COUNTS: Final = {
    "chargers_without_secrets": 0,
    "widgets_without_secrets": 0,
    "secrets_of_former_keys": 0,
}
SETTINGS: Final = {
    "open_to": "",
    "keep_rentals_days": 30,
    "keep_audit_days": 365,
    "audit_file": "/var/log/audit.jsonl",
    "proxies": ["192.0.2.7/32", "2001:db8::7/128"],
    "webhooks_private": False,
}
SUPPORT: Final[dict[str, Any]] = {
    "versions": {"chargelight": "0.1.0", "redis": "7.0.15"},
    "not_ready_because": None,
    "gateways": ["gateway-1"],
    "routers": ["router-1", "router-2"],
    "protection": PROTECTION,
    "counts": COUNTS,
    "settings": SETTINGS,
    "backups": {"every_seconds": 3600.0, "age_seconds": 1020.0, "bytes": 2 * 1024**2},
}


def a_key(**different: object) -> dict[str, Any]:
    return {
        "id": "3f9a51c2d07e",
        "name": "anna",
        "role": "operator",
        "created_at": MADE,
        "last_used_at": MADE,
        "expires_at": "2027-11-20T20:00:00Z",
        "replaced_at": None,
        "revoked_at": None,
        **different,
    }


def a_refusal(**different: object) -> dict[str, Any]:
    return {
        "id": "c1",
        "reason": "unauthorized",
        "count": 100,
        "address": "192.0.2.7",
        "last_at": "2026-11-29T19:30:00Z",
        **different,
    }


def a_login(count: int, address: str | None = "192.0.2.7") -> dict[str, Any]:
    return {"address": address, "details": {"count": count}}


def hub(**different: Any) -> Facts:
    sound: dict[str, Any] = {
        "now": NOW,
        "own_version": "0.1.0",
        "support": SUPPORT,
        "keys": [a_key()],
        "canaries": [{"id": "canary-charger", "online": True}],
        "keyless_status": 401,
        "stranger_status": 421,
        "rest": REST,
        "devices": [CHARGERS, WIDGETS],
        "health": [GATEWAY],
    }
    return Facts(**{**sound, **different})


def hub_with(part: str, **different: Any) -> Facts:
    """Return a hub with other values in a part of its ``GET /support``."""
    return hub(support={**SUPPORT, part: {**SUPPORT[part], **different}})
