"""Each finding of `chargelight doctor`: said when it is so, and not said otherwise."""

from dataclasses import replace
from datetime import timedelta
from math import nan
from typing import NamedTuple

import pytest

from services.cli.doctor.diagnosis import diagnose
from services.cli.doctor.facts import Facts
from services.cli.doctor.finding import Mark, name_some
from tests.unit.cli.doctor.hub import (
    CHARGERS,
    GATEWAY,
    NOW,
    REST,
    SUPPORT,
    WIDGETS,
    a_key,
    a_login,
    a_refusal,
    hub,
    hub_with,
)

WRONG, NOTE, UNKNOWN = Mark.WRONG, Mark.NOTE, Mark.UNKNOWN


class Case(NamedTuple):
    facts: Facts
    about: str
    mark: Mark
    says: str


FOUND = {
    "no key is asked for": Case(hub(keyless_status=200), "operators", WRONG, "is an admin"),
    "open setting": Case(
        hub_with("settings", open_to="anybody-who-reaches-the-ports"),
        *("operators", WRONG, "CHARGELIGHT_OPEN"),
    ),
    "bootstrap key beside an admin": Case(
        replace(hub_with("protection", bootstrap_key=True), keys=[a_key(role="admin")]),
        *("operators", NOTE, "the bootstrap key is still set"),
    ),
    "key without an end": Case(
        hub(keys=[a_key(expires_at=None)]),
        *("API keys", WRONG, "without an end: 3f9a51c2d07e (anna, operator)"),
    ),
    "key that ends soon": Case(
        hub(keys=[a_key(expires_at="2026-12-12T20:00:00Z")]), "API keys", WRONG, "within 14 days"
    ),
    "key that is not used": Case(
        hub(keys=[a_key(last_used_at="2026-08-30T20:00:00Z")]), "API keys", WRONG, "for 90 days"
    ),
    "key that was never used": Case(
        hub(keys=[a_key(created_at="2026-08-30T20:00:00Z", last_used_at=None)]),
        *("API keys", WRONG, "for 90 days"),
    ),
    "key that anyone may have made": Case(
        hub_with("protection", unattributed_keys=["3f9a51c2d07e"]),
        *("API keys", WRONG, "anyone may have made"),
    ),
    "plain REST": Case(
        hub(rest=replace(REST, has_tls=False)), "REST", WRONG, "hub:443 speaks plain"
    ),
    "old TLS": Case(hub(rest=replace(REST, takes_old_tls=True)), "REST", WRONG, "TLS 1.1"),
    "REST for strangers": Case(hub(stranger_status=401), "REST", WRONG, "not the hub's"),
    "open REST for strangers": Case(hub(stranger_status=200), "REST", WRONG, "not the hub's"),
    "devices without secrets get in": Case(
        hub(devices=[replace(CHARGERS, status=101), WIDGETS]),
        *("devices", WRONG, "hub:3100 let in a device without a secret"),
    ),
    "devices that cannot get in": Case(
        hub_with("counts", chargers_without_secrets=2, widgets_without_secrets=1),
        *("devices", WRONG, "only a certificate lets them in: chargers 2, widgets 1"),
    ),
    "Postgres is away": Case(
        hub(support={**SUPPORT, "counts": None}), "devices", UNKNOWN, "Postgres is away"
    ),
    "plain port of devices": Case(
        hub(devices=[CHARGERS, replace(WIDGETS, has_tls=False)]),
        *("device ports", WRONG, "hub:3200 speaks plain"),
    ),
    "port that is not there": Case(
        hub(devices=[replace(CHARGERS, answers=False)]),
        *("device ports", UNKNOWN, "nothing answers at hub:3100"),
    ),
    "port that does not decide": Case(
        hub(devices=[replace(CHARGERS, status=503)]), "device ports", UNKNOWN, "answered 503"
    ),
    "former key that is needed": Case(
        hub_with("counts", secrets_of_former_keys=7),
        *("former key", WRONG, "7 secrets were made with a former key"),
    ),
    "former key that is not needed": Case(
        hub_with("protection", former_digest_key=True), "former key", WRONG, "no secret needs"
    ),
    "certificate of a port": Case(
        hub(rest=replace(REST, ends_at=NOW + timedelta(days=13))),
        *("certificates", WRONG, "within 14 days: hub:443 (in 13 days)"),
    ),
    "certificate of a port that has ended": Case(
        hub(rest=replace(REST, ends_at=NOW - timedelta(days=1))),
        *("certificates", WRONG, "hub:443 (has ended)"),
    ),
    "certificate in a file": Case(
        hub(health=[replace(GATEWAY, certificate_days={"CHARGELIGHT_REDIS_TLS_CA": 3.2})]),
        *("certificates", WRONG, "gateway: CHARGELIGHT_REDIS_TLS_CA (in 3 days)"),
    ),
    "certificate that cannot be read": Case(
        hub(health=[replace(GATEWAY, certificate_days={"CHARGELIGHT_REDIS_TLS_CA": nan})]),
        *("certificates", WRONG, "cannot be read"),
    ),
    "Redis without a password": Case(
        hub(redis_needs_no_password=True), "Redis, Postgres", WRONG, "without a password"
    ),
    "Postgres within reach": Case(
        hub(stores=["hub:5432"]), "Redis, Postgres", WRONG, "reachable from this machine: hub:5432"
    ),
    "the default user of Redis": Case(
        hub_with("protection", redis_user="default"),
        "Redis, Postgres",
        WRONG,
        "user of Redis is default",
    ),
    "superuser of Postgres": Case(
        hub_with("protection", postgres_role="superuser"), "Redis, Postgres", WRONG, "superuser"
    ),
    "owner of the tables": Case(
        hub_with("protection", postgres_role="owner"), "Redis, Postgres", WRONG, "owns the tables"
    ),
    "registry that is not ready": Case(
        hub(support={**SUPPORT, "not_ready_because": "Postgres is away"}),
        *("services", WRONG, "not ready: Postgres is away"),
    ),
    "service that does not answer": Case(
        hub(health=[replace(GATEWAY, answers=False)]), "services", UNKNOWN, "10.0.0.2:3101"
    ),
    "service that does not answer where it usually is": Case(
        hub(health=[replace(GATEWAY, answers=False, usually="router")]),
        *("services", NOTE, "their health ports do not answer here: router router-1, router-2"),
    ),
    "registry that answers elsewhere only": Case(
        hub(health=[replace(GATEWAY, answers=False, usually="registry")]),
        *("services", NOTE, "do not answer here: registry"),
    ),
    "silence of which Redis would know more": Case(
        hub(
            support={**SUPPORT, "routers": None},
            health=[replace(GATEWAY, answers=False, usually="router")],
        ),
        *("services", UNKNOWN, "nothing answers at http://10.0.0.2:3101"),
    ),
    "no gateway": Case(
        hub(support={**SUPPORT, "gateways": []}), "services", WRONG, "no gateway is there"
    ),
    "no router": Case(
        hub(support={**SUPPORT, "routers": []}), "services", WRONG, "no router is at work"
    ),
    "no canary": Case(hub(canaries=[]), "services", NOTE, "no canary is connected"),
    "canary that is away": Case(
        hub(canaries=[{"id": "canary-charger", "online": False}]),
        *("services", NOTE, "no canary is connected"),
    ),
    "old Redis": Case(
        hub_with("versions", redis="6.2.14"), "Redis, Postgres", NOTE, "Redis 6.2.14 has no rights"
    ),
    "network of balancers": Case(
        hub_with("settings", proxies=["192.0.2.7/32", "10.0.0.0/8"]),
        *("trust", WRONG, "a program in 10.0.0.0/8 can say"),
    ),
    "webhooks into private networks": Case(
        hub_with("settings", webhooks_private=True), "trust", NOTE, "webhooks may lead to what"
    ),
    "audit log in one place": Case(
        hub_with("settings", audit_file=""), "audit log", NOTE, "in Postgres alone"
    ),
    "rentals for long": Case(
        hub_with("settings", keep_rentals_days=31), "retention", NOTE, "stay for 31 days"
    ),
    "service of another version": Case(
        hub(health=[replace(GATEWAY, version="0.0.9")]), "services", WRONG, "gateway 0.0.9"
    ),
    "service that tells no version": Case(
        hub(health=[replace(GATEWAY, service="", version="")]),
        *("services", WRONG, "http://10.0.0.2:3101 of an older version"),
    ),
    "command line of another version": Case(
        hub(own_version="0.2.0"), "services", NOTE, "0.2.0, the registry 0.1.0"
    ),
    "health for strangers": Case(
        hub(health=[replace(GATEWAY, serves_strangers=True)]), "health ports", WRONG, "not the hub"
    ),
    "health within reach": Case(
        hub(health=[replace(GATEWAY, is_inside=False)]), "health ports", NOTE, "reachable from here"
    ),
    "warnings of the registry": Case(
        hub_with("protection", warnings=["any server can pass for Redis"]),
        *("settings", WRONG, "registry: any server can pass for Redis"),
    ),
    "warnings of a gateway": Case(
        hub(health=[replace(GATEWAY, unsafe_settings=1)]), "settings", WRONG, "gateway at http"
    ),
    "rentals for ever": Case(
        hub_with("settings", keep_rentals_days=None), "retention", WRONG, "tickets"
    ),
    "audit log for ever": Case(
        hub_with("settings", keep_audit_days=None), "retention", NOTE, "the audit log stays"
    ),
    "no backups on a timer": Case(
        hub(support={**SUPPORT, "backups": None}), "backups", NOTE, "the registry takes none"
    ),
    "no backup yet": Case(
        hub_with("backups", age_seconds=None, bytes=None), "backups", WRONG, "there is none"
    ),
    "old backup": Case(
        hub_with("backups", age_seconds=7260.0), "backups", WRONG, "2 h 1 min old, 2.0 MiB"
    ),
    "registry that says nothing of backups": Case(
        hub(support={name: SUPPORT[name] for name in SUPPORT if name != "backups"}),
        *("backups", UNKNOWN, "an earlier version"),
    ),
    "many refused handshakes": Case(
        hub(refused=[a_refusal(count=60), a_refusal(id="c2", count=40)]),
        *("refusals", WRONG, "100 handshakes were refused lately (unauthorized), most from 192"),
    ),
    "many wrong keys": Case(
        hub(failed_logins=[a_login(15), a_login(5, address=None)]),
        *("refusals", WRONG, "20 requests with a wrong API key within an hour, from 192.0.2.7"),
    ),
    "two devices with one id": Case(
        hub(refused=[a_refusal(reason="shared_id", count=3)]),
        *("refusals", WRONG, "two devices have one id: c1"),
    ),
}

NOT_FOUND = {
    "bootstrap key, and only an operator": hub_with("protection", bootstrap_key=True),
    "bootstrap key, and an admin whose key has ended": replace(
        hub_with("protection", bootstrap_key=True),
        keys=[a_key(role="admin", expires_at="2026-11-29T19:59:59Z")],
    ),
    "keys that count no more": hub(
        keys=[
            a_key(expires_at=None, revoked_at="2026-11-29T19:00:00Z"),
            a_key(expires_at="2026-11-29T19:59:59Z"),
        ]
    ),
    "key that was renewed and ends soon": hub(
        keys=[a_key(expires_at="2026-11-30T20:00:00Z", replaced_at="2026-11-29T19:00:00Z")]
    ),
    "key that ends in two weeks": hub(keys=[a_key(expires_at="2026-12-13T20:00:00Z")]),
    "key that was used 90 days ago": hub(keys=[a_key(last_used_at="2026-08-31T20:00:00Z")]),
    "registry of an older version, which says less": hub(
        support={
            **SUPPORT,
            "settings": {"open_to": "", "keep_rentals_days": 30, "keep_audit_days": 365},
        }
    ),
    "Redis that is away": hub_with("versions", redis="away"),
    "newer Redis": hub_with("versions", redis="10.0.0"),
    "balancers that share a network of their own": hub_with("settings", proxies=["10.0.0.0/24"]),
    "plain ports that only this machine reaches": hub(
        rest=replace(REST, has_tls=False, ends_at=None, is_inside=True),
        devices=[replace(CHARGERS, has_tls=False, ends_at=None, is_inside=True)],
    ),
    "port that wants a certificate, and devices without a secret": replace(
        hub_with("counts", chargers_without_secrets=2),
        devices=[replace(CHARGERS, status=None), replace(WIDGETS, status=None)],
    ),
    "TLS of which this machine cannot tell": hub(rest=replace(REST, takes_old_tls=None)),
    "proxy that knows no such name": hub(stranger_status=404),
    "certificate for two weeks": hub(
        rest=replace(REST, ends_at=NOW + timedelta(days=14)),
        health=[replace(GATEWAY, certificate_days={"CHARGELIGHT_REDIS_TLS_CA": 14})],
    ),
    "what is refused every day": hub(refused=[a_refusal(count=99)], failed_logins=[a_login(19)]),
    "refusals of yesterday": hub(
        refused=[
            a_refusal(last_at="2026-11-29T18:59:59Z"),
            a_refusal(last_at="2026-11-29T18:59:59Z", reason="shared_id"),
        ]
    ),
    "the doctor's own handshakes": hub(refused=[a_refusal(id="chargelight-doctor")]),
    "firmware that opens its new connection early": hub(
        refused=[a_refusal(reason="shared_id", count=2)]
    ),
}


@pytest.mark.parametrize("case", FOUND.values(), ids=FOUND)
def test_it_is_said_once_with_what_to_do(case: Case) -> None:
    found = [line for line in diagnose(case.facts) if line.finding.mark is not Mark.RIGHT]
    assert [(line.about, line.finding.mark) for line in found] == [(case.about, case.mark)]
    assert case.says in found[0].finding.text


@pytest.mark.parametrize("facts", [hub(), *NOT_FOUND.values()], ids=["a sound hub", *NOT_FOUND])
def test_nothing_is_said_of_what_is_usual(facts: Facts) -> None:
    lines = list(diagnose(facts))
    assert [line for line in lines if line.finding.mark is not Mark.RIGHT] == []
    assert len({line.about for line in lines}) == len(lines) == 16


def test_many_names_are_cut() -> None:
    assert name_some("abcdefg") == "a, b, c, d, e and 2 more"
    assert name_some("ab") == "a, b"
