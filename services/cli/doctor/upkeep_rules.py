"""How the hub is kept: versions, settings, retention, refusals. No I/O."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from services.cli.doctor.backups import backup_age, is_backup_old
from services.cli.doctor.facts import Facts, Item
from services.cli.doctor.finding import Finding, Mark, name_some

LATELY: Final = timedelta(hours=1)
_MANY: Final = 100
"""Refused handshakes; a doctor that is run every few minutes makes fewer by itself."""
_MANY_LOGINS: Final = 20
_SHARED: Final = 3
"""As `chargelight explain` counts: firmware may once open its new connection too early."""
PROBE: Final = "chargelight-doctor"
"""The id that the doctor asks for at the ports of devices."""
_MOST_BALANCERS: Final = 256
"""Addresses of balancers in one entry: more is a network of others, too."""
_USUAL_DAYS: Final = 30
"""The default for rentals."""


def check_services(facts: Facts) -> Iterator[Finding]:
    """Check that services work, and are of one version."""
    reason, version = facts.support["not_ready_because"], facts.support["versions"]["chargelight"]
    if reason:
        yield Finding(Mark.WRONG, f"the registry is not ready: {reason}")
    yield from _idle(facts.support)
    if not any(each["online"] for each in facts.canaries):
        yield Finding(
            Mark.NOTE,
            "no canary is connected: while the hub is quiet, nobody measures whether lights come",
            "run one: docs/operations.md, The canary",
        )
    yield from _silent(facts)
    others = [
        f"{each.service or each.url} {each.version or 'of an older version'}"
        for each in facts.health
        if each.answers and each.version != version
    ]
    if others:
        yield Finding(
            Mark.WRONG,
            f"versions differ: the registry has {version}; {name_some(others)}",
            "bring all services to one version",
        )
    if facts.own_version != version:
        yield Finding(
            Mark.NOTE,
            f"this command line has the version {facts.own_version}, the registry {version}",
            "use the command line of the hub's version",
        )


def _idle(support: Item) -> Iterator[Finding]:
    """Check that there are services of each kind; Redis knows, through the registry."""
    if support["gateways"] == []:
        yield Finding(Mark.WRONG, "no gateway is there: no device connects", "start one")
    if support["routers"] == []:
        yield Finding(Mark.WRONG, "no router is at work: no light changes", "start one")


def _silent(facts: Facts) -> Iterator[Finding]:
    """Say which health ports do not answer: of services that are at work, or of others."""
    at_work = {
        "gateway": facts.support["gateways"],
        "router": facts.support["routers"],
        "registry": [""],  # it has answered, if not there
    }
    silent = [each for each in facts.health if not each.answers]
    known = [each for each in silent if at_work.get(each.usually)]
    if known:
        seen = (f"{each.usually} {name_some(at_work[each.usually])}".strip() for each in known)
        yield Finding(
            Mark.NOTE,
            "at work, as the registry sees it, but their health ports do not answer here: "
            + ", ".join(seen),
            "right if only the hub's own network reaches these ports; versions, settings and "
            "certificates there were not looked at. To look: --health http://HOST:PORT",
        )
    others = [each.url for each in silent if each not in known]
    if others:
        yield Finding(
            Mark.UNKNOWN,
            f"nothing answers at {name_some(others)}",
            "name the health port of each service: --health http://HOST:PORT",
        )


def check_settings(facts: Facts) -> Iterator[Finding]:
    """Check what services warn of at their start."""
    for warning in facts.support["protection"]["warnings"]:
        yield Finding(Mark.WRONG, f"registry: {warning}")
    for each in facts.health:
        if each.unsafe_settings and each.service != "registry":
            yield Finding(
                Mark.WRONG,
                f"{each.service} at {each.url} warns of its settings",
                "its log says of which: a setting is not safe",
            )


def check_trust(facts: Facts) -> Iterator[Finding]:
    """Check whom the registry believes where a request comes from, and where it sends its own."""
    settings = facts.support["settings"]
    proxies = [ipaddress.ip_network(each) for each in settings.get("proxies") or ()]
    wide = [str(each) for each in proxies if each.num_addresses > _MOST_BALANCERS]
    if wide:
        yield Finding(
            Mark.WRONG,
            f"a program in {name_some(wide)} can say that it is at any address",
            "name the balancers alone in CHARGELIGHT_REGISTRY_PROXIES, and in "
            "CHARGELIGHT_GATEWAY_PROXIES",
        )
    if settings.get("webhooks_private"):
        yield Finding(
            Mark.NOTE,
            "webhooks may lead to what only the hub's own machines reach",
            "CHARGELIGHT_REGISTRY_WEBHOOKS_PRIVATE=false, if their receivers are elsewhere",
        )


def check_audit_log(facts: Facts) -> Iterator[Finding]:
    """Check that who owns the hub for a while leaves a trace."""
    if facts.support["settings"].get("audit_file") == "":
        yield Finding(
            Mark.NOTE,
            "the audit log is in Postgres alone: who owns that for a while can rewrite it",
            "CHARGELIGHT_REGISTRY_AUDIT_FILE, and send this file on to another machine",
        )


def check_retention(facts: Facts) -> Iterator[Finding]:
    """Check that what is about persons does not stay for ever."""
    settings = facts.support["settings"]
    days = settings["keep_rentals_days"]
    if days is not None and days > _USUAL_DAYS:
        yield Finding(
            Mark.NOTE,
            f"rentals stay for {days:g} days, and visitors' tickets with them",
            f"CHARGELIGHT_REGISTRY_KEEP_RENTALS_DAYS={_USUAL_DAYS}, or fewer",
        )
    if days is None:
        yield Finding(
            Mark.WRONG,
            "rentals stay for ever, and visitors' tickets with them",
            "CHARGELIGHT_REGISTRY_KEEP_RENTALS_DAYS=30",
        )
    if settings["keep_audit_days"] is None:
        yield Finding(
            Mark.NOTE,
            "the audit log stays for ever, and it names persons",
            "CHARGELIGHT_REGISTRY_KEEP_AUDIT_DAYS=365",
        )


def check_backups(facts: Facts) -> Iterator[Finding]:
    """Say how old the newest backup on the timer is."""
    if "backups" not in facts.support:
        yield Finding(Mark.UNKNOWN, "a registry of an earlier version does not say")
        return
    backups = facts.support["backups"]
    if backups is None:
        yield Finding(
            Mark.NOTE,
            "the registry takes none",
            "right if Postgres has backups of its own; else CHARGELIGHT_REGISTRY_BACKUP_FOLDER",
        )
    elif is_backup_old(backups):
        yield Finding(
            Mark.WRONG, f"the newest one: {backup_age(backups)}", "the registry's log says why"
        )
    else:
        yield Finding(Mark.RIGHT, f"the newest one: {backup_age(backups)}")


def check_refusals(facts: Facts) -> Iterator[Finding]:
    """Check whether many were refused lately, or two devices have one id."""
    lately = [each for each in facts.refused if _is_lately(each, facts.now)]
    yield from _shared_ids(lately)
    for reason, times in _count(lately, "reason").items():
        if times >= _MANY and reason != "shared_id":
            places = _count([each for each in lately if each["reason"] == reason], "address")
            yield Finding(
                Mark.WRONG,
                f"{times} handshakes were refused lately ({reason}), most from "
                f"{name_some(address for address, _ in places.most_common())}",
                "chargelight refused",
            )
    logins = sum(each["details"]["count"] for each in facts.failed_logins)
    if logins >= _MANY_LOGINS:
        places = Counter(each["address"] or "several" for each in facts.failed_logins)
        yield Finding(
            Mark.WRONG,
            f"{logins} requests with a wrong API key within an hour, from "
            f"{name_some(address for address, _ in places.most_common())}",
            "chargelight audit --kind login",
        )


def _shared_ids(lately: list[Item]) -> Iterator[Finding]:
    shared = _count([each for each in lately if each["reason"] == "shared_id"], "id")
    ids = [name for name, times in shared.items() if times >= _SHARED]
    if ids:
        yield Finding(
            Mark.WRONG,
            f"two devices have one id: {name_some(ids)}",
            "give one of them an id of its own; chargelight refused has both addresses",
        )


def _is_lately(refused: Item, now: datetime) -> bool:
    return refused["id"] != PROBE and now - datetime.fromisoformat(refused["last_at"]) <= LATELY


def _count(refused: list[Item], member: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for each in refused:
        counts[each[member] or "none"] += each["count"]
    return counts
