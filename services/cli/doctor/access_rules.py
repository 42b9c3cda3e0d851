"""Who may come in: operators and their keys, devices and their secrets. No I/O."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from services.cli.doctor.facts import Facts, Item
from services.cli.doctor.finding import Finding, Mark, name_some

_UNUSED: Final = timedelta(days=90)
_SOON: Final = timedelta(days=14)

_Rule = Iterator[Finding]


def check_operators(facts: Facts) -> _Rule:
    """Check that operators need keys, and that nothing is left of the time before."""
    settings, protection = facts.support["settings"], facts.support["protection"]
    if facts.keyless_status == HTTPStatus.OK:
        yield Finding(
            Mark.WRONG,
            "anyone who reaches the REST API is an admin: no key is asked for",
            "CHARGELIGHT_REGISTRY_OPERATOR_AUTH=required",
        )
    if settings.get("open_to"):
        yield Finding(
            Mark.WRONG,
            "CHARGELIGHT_OPEN is set: a service starts for everyone with authentication off",
            "remove it, and require keys and secrets",
        )
    if protection["bootstrap_key"] and any(_is_admins(key) for key in _valid(facts)):
        yield Finding(
            Mark.NOTE,
            "the bootstrap key is still set, and an admin has a key",
            "it is good for nothing now, and the way back in once no admin's key is valid: remove "
            "CHARGELIGHT_REGISTRY_ADMIN_KEY, or keep it in a file",
        )


def check_keys(facts: Facts) -> _Rule:
    """Check that API keys end, are used, and that a known operator made them."""
    valid = _valid(facts)
    unattributed = set(facts.support["protection"]["unattributed_keys"] or ())
    renew = "give them an end: chargelight keys renew ID"
    yield from _about("without an end", [k for k in valid if k["expires_at"] is None], renew)
    yield from _about(
        f"that end within {_SOON.days} days",
        [k for k in valid if k["replaced_at"] is None and _ends_soon(k, facts.now)],
        "chargelight keys renew ID",
    )
    yield from _about(
        f"not used for {_UNUSED.days} days",
        [k for k in valid if facts.now - _last_sign(k) > _UNUSED],
        "chargelight keys revoke ID",
    )
    yield from _about(
        "that anyone may have made, while no key was required",
        [k for k in valid if k["id"] in unattributed],
        "revoke those that you do not know: chargelight keys revoke ID",
    )


def check_devices(facts: Facts) -> _Rule:
    """Check that devices are let in with a secret or certificate only, and that they have one."""
    counts = facts.support["counts"]
    if counts is None:
        yield Finding(Mark.UNKNOWN, "Postgres is away: which devices have a secret is not known")
        return
    chargers, widgets = counts["chargers_without_secrets"], counts["widgets_without_secrets"]
    without = f"chargers {chargers}, widgets {widgets}"
    statuses = {port.status for port in facts.devices}
    let_in = [port.where for port in facts.devices if port.status == HTTPStatus.SWITCHING_PROTOCOLS]
    if let_in:
        yield Finding(
            Mark.WRONG,
            f"{name_some(let_in)} let in a device without a secret (without one: {without})",
            "give each device a secret (chargelight chargers secret generate ID), then set "
            "CHARGELIGHT_DEVICE_AUTH=required",
        )
    elif chargers + widgets and HTTPStatus.UNAUTHORIZED in statuses:
        yield Finding(
            Mark.WRONG,
            f"without a secret, so only a certificate lets them in: {without}",
            "chargelight chargers secret generate ID, or --auth certificate for those that have "
            "a certificate",
        )


def check_former_key(facts: Facts) -> _Rule:
    """Check that a former key of digests goes once it is not needed."""
    counts = facts.support["counts"] or {}
    left = counts.get("secrets_of_former_keys", 0)
    if left:
        yield Finding(
            Mark.WRONG,
            f"the digests of {left} secrets were made with a former key",
            "import the devices' secrets again, then remove CHARGELIGHT_FORMER_CREDENTIAL_KEY",
        )
    elif facts.support["protection"]["former_digest_key"] and facts.support["counts"]:
        yield Finding(
            Mark.WRONG,
            "a former key of digests is still set, and no secret needs it",
            "remove CHARGELIGHT_FORMER_CREDENTIAL_KEY, from registries first",
        )


def _about(what: str, keys: Sequence[Item], remedy: str) -> _Rule:
    if keys:
        names = name_some(f"{key['id']} ({key['name']}, {key['role']})" for key in keys)
        yield Finding(Mark.WRONG, f"API keys {what}: {names}", remedy)


def _valid(facts: Facts) -> list[Item]:
    return [
        key
        for key in facts.keys
        if key["revoked_at"] is None
        and (key["expires_at"] is None or _time(key["expires_at"]) > facts.now)
    ]


def _is_admins(key: Item) -> bool:
    return bool(key["role"] == "admin")


def _ends_soon(key: Item, now: datetime) -> bool:
    return key["expires_at"] is not None and _time(key["expires_at"]) - now < _SOON


def _last_sign(key: Item) -> datetime:
    return _time(key["last_used_at"] or key["created_at"])


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
