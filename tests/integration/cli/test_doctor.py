"""`chargelight doctor` at a hub that lets everyone in, and at one that does not."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from tests.fixtures.certificates import Ca
from tests.fixtures.hub import Hub, StartHub
from tests.fixtures.postgres_at import as_runtime_role
from tests.integration.cli.conftest import (
    BOOTSTRAP_KEY,
    CREDENTIAL_KEY,
    Chargelight,
    Ran,
    chargelight_at,
)

NAME = "localhost"
OF_THIS_MACHINE = ("Redis answers without a password", "Redis 6.")
"""Another Redis may listen at the usual port; and that of the tests may be an old one."""
NO_CANARY = (
    "note: no canary is connected: while the hub is quiet, nobody measures whether lights come"
)


def places(hub: Hub) -> list[str]:
    gateway, router, registry = hub.gateways[0], hub.routers[0], hub.registries[0]
    ports = (gateway.health_port, router.health_port, registry.health_port)
    return [
        *("--chargers", f"{NAME}:{gateway.charger_port}"),
        *("--widgets", f"{NAME}:{hub.gateways[-1].widget_port}"),
        *(word for port in ports for word in ("--health", f"http://{NAME}:{port}")),
    ]


def found(ran: Ran) -> dict[str, list[str]]:
    """Return what was found, by subject; of a subject that is right, nothing."""
    findings = json.loads(ran.output)["findings"]
    texts: dict[str, list[str]] = {each["about"]: [] for each in findings}
    for each in findings:
        if each["mark"] != "right" and not each["text"].startswith(OF_THIS_MACHINE):
            texts[each["about"]].append(f"{each['mark']}: {each['text']}")
    return texts


async def test_of_a_hub_that_lets_everyone_in_it_says_so(hub: StartHub) -> None:
    running = await hub(
        settings={
            "CHARGELIGHT_OPEN": "anybody-who-reaches-the-ports",
            "CHARGELIGHT_REGISTRY_KEEP_RENTALS_DAYS": "forever",
        }
    )
    await running.register(("c1", "w1"))
    chargelight = chargelight_at(running.registry_url)
    ran = await chargelight("doctor", *places(running), "--json")
    assert (ran.code, ran.errors) == (1, "")
    texts = found(ran)
    assert texts["operators"] == [
        "wrong: anyone who reaches the REST API is an admin: no key is asked for",
        "wrong: CHARGELIGHT_OPEN is set: a service starts for everyone with authentication off",
    ]
    (devices,) = texts["devices"]
    ports = (running.gateways[0].charger_port, running.gateways[0].widget_port)
    assert devices.startswith(f"wrong: {NAME}:{ports[0]}, {NAME}:{ports[1]} let in a device")
    assert devices.endswith("(without one: chargers 1, widgets 1)")
    assert texts["retention"] == ["wrong: rentals stay for ever, and visitors' tickets with them"]
    assert texts["services"] == [NO_CANARY]
    (audit,) = texts["audit log"]
    assert audit.startswith("note: the audit log is in Postgres alone")
    for right in ("REST", "device ports", "trust", "health ports", "certificates", "refusals"):
        assert texts[right] == [], "only this machine reaches it, and it works"


async def test_of_a_hub_that_is_closed_it_finds_what_was_left(
    hub: StartHub, tmp_path: Path, postgres_dsn: str
) -> None:
    ca = Ca(tmp_path / "ca")
    own = ca.server(NAME, "127.0.0.1", days=9)  # the CA ends after 10
    running = await hub(
        postgres_dsn=await as_runtime_role(postgres_dsn),
        settings={
            "SSL_CERT_FILE": ca.certificate,
            "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": own.certificate,
            "CHARGELIGHT_GATEWAY_TLS_KEY": own.key,
            "CHARGELIGHT_REGISTRY_TLS_CERTIFICATE": own.certificate,
            "CHARGELIGHT_REGISTRY_TLS_KEY": own.key,
            "CHARGELIGHT_DEVICE_AUTH": "required",
            "CHARGELIGHT_CREDENTIAL_KEY": CREDENTIAL_KEY,
            "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
            "CHARGELIGHT_REGISTRY_ADMIN_KEY": BOOTSTRAP_KEY,
            "CHARGELIGHT_REGISTRY_AUDIT_FILE": str(tmp_path / "audit.jsonl"),
            "CHARGELIGHT_REGISTRY_PROXIES": '["198.51.0.0/16"]',
        },
    )
    strict = running.start_gateway(
        {
            "CHARGELIGHT_DEVICE_AUTH": "certificate",
            "CHARGELIGHT_GATEWAY_CHARGER_CA": ca.certificate,
            "CHARGELIGHT_GATEWAY_WIDGET_CA": ca.certificate,
        }
    )
    await strict.process.ready()
    key = await running.admin_key(BOOTSTRAP_KEY)
    url = f"https://{NAME}:{urlsplit(running.registry_url).port}"
    chargelight = chargelight_at(url, CHARGELIGHT_CLI_KEY=key, SSL_CERT_FILE=ca.certificate)
    await _it_finds_what_was_left(running, chargelight)


async def _it_finds_what_was_left(running: Hub, chargelight: Chargelight) -> None:
    """Its port of chargers asks for a secret, that of widgets for a certificate."""
    assert (await chargelight("chargers", "register", "c1")).code == 0
    ran = await chargelight("doctor", *places(running), "--json")
    assert (ran.code, ran.errors) == (1, "")
    texts = found(ran)
    assert texts.pop("operators") == [
        "note: the bootstrap key is still set, and an admin has a key"
    ]
    assert texts.pop("devices") == [
        "wrong: without a secret, so only a certificate lets them in: chargers 1, widgets 0"
    ]
    assert texts.pop("services") == [NO_CANARY]
    assert texts.pop("backups") == ["note: the registry takes none"]
    assert texts.pop("trust") == [
        "wrong: a program in 198.51.0.0/16 can say that it is at any address"
    ]
    (certificates,) = texts.pop("certificates")
    assert certificates.count("(in 9 days)") == 5, "files of two services, and three ports"
    assert {about: said for about, said in texts.items() if said} == {}
