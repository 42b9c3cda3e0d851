"""Whose a certificate is, and what it is good for."""

from typing import Any

import pytest

from services.gateway.auth.certificates import CertificateOf, owner_of
from services.gateway.auth.credentials import Mode, Verdict, decide
from shared.contract.credentials import Auth, digest_of
from shared.contract.devices import Kind

ADMIT, REFUSE, WAIT = Verdict.ADMIT, Verdict.REFUSE, Verdict.WAIT
NOBODY, DEVICE, ANOTHER = CertificateOf.NOBODY, CertificateOf.DEVICE, CertificateOf.ANOTHER
KEY = "k" * 32
RIGHT, NONE = "right", ""


def certificate(common_name: str, *uris: str) -> dict[str, Any]:
    """Return one as the ssl module shows it."""
    names = [("DNS", "x"), *(("URI", uri) for uri in uris)]
    return {
        "subject": ((("commonName", common_name),),),
        "subjectAltName": tuple(names),
        "notAfter": "Jan  1 00:00:10 1970 GMT",
    }


TWO_NAMES = certificate("") | {"subject": ((("commonName", "c1"),), (("commonName", "c2"),))}


@pytest.mark.parametrize(
    ("presented", "owner", "with_ca_per_kind"),
    [
        (None, NOBODY, NOBODY),
        ({}, NOBODY, NOBODY),
        (certificate("x", "urn:chargelight:charger:c1"), DEVICE, DEVICE),
        (certificate("x", "urn:other", "urn:chargelight:charger:c1"), DEVICE, DEVICE),
        (certificate("c1", "urn:chargelight:charger:c2"), ANOTHER, ANOTHER),
        (certificate("c1", "urn:chargelight:charger:C1"), ANOTHER, ANOTHER),
        (certificate("c1", "urn:chargelight:charger:c1:2"), ANOTHER, ANOTHER),
        (certificate("c1", "urn:chargelight:widget:c1"), ANOTHER, ANOTHER),
        (certificate("c1"), ANOTHER, DEVICE),
        (certificate("c1", "urn:other"), ANOTHER, DEVICE),
        (certificate("c2"), ANOTHER, ANOTHER),
        (TWO_NAMES, ANOTHER, ANOTHER),
    ],
)
def test_a_certificate_is_a_device_s_by_its_uri_or_by_its_name_where_the_ca_tells_the_kind(
    presented: dict[str, Any] | None, owner: CertificateOf, with_ca_per_kind: CertificateOf
) -> None:
    for has_ca_per_kind, expected in ((False, owner), (True, with_ca_per_kind)):
        found = owner_of(presented, Kind.CHARGER, "c1", has_ca_per_kind=has_ca_per_kind, now=10.0)
        assert found is expected


def test_a_certificate_that_has_ended_does_not_come_back_with_a_session_that_is_resumed() -> None:
    own = certificate("c1", "urn:chargelight:charger:c1")
    assert owner_of(own, Kind.CHARGER, "c1", has_ca_per_kind=True, now=10.1) is ANOTHER


@pytest.mark.parametrize(
    ("mode", "auth", "registration", "owner", "secret", "verdict"),
    [
        ("certificate", "any", "registered", DEVICE, NONE, ADMIT),
        ("certificate", "any", "registered", NOBODY, RIGHT, REFUSE),
        ("certificate", "any", "registered", ANOTHER, RIGHT, REFUSE),
        ("certificate", "any", "unregistered", DEVICE, NONE, REFUSE),
        ("certificate", "any", "absent", DEVICE, NONE, WAIT),
        ("required", "any", "registered", DEVICE, NONE, ADMIT),
        ("required", "any", "registered", NOBODY, RIGHT, ADMIT),
        ("required", "any", "registered", ANOTHER, RIGHT, REFUSE),
        ("required", "any", "absent", ANOTHER, RIGHT, REFUSE),
        ("required", "certificate", "registered", NOBODY, RIGHT, REFUSE),
        ("required", "certificate", "registered", DEVICE, NONE, ADMIT),
        ("optional", "any", "registered", DEVICE, NONE, ADMIT),
        ("optional", "any", "registered", NOBODY, NONE, REFUSE),
        ("optional", "certificate", "registered", NOBODY, RIGHT, REFUSE),
        ("optional", "certificate", "registered", NOBODY, NONE, REFUSE),
        ("optional", "certificate", "registered", DEVICE, NONE, ADMIT),
        ("optional", "any", "unregistered", ANOTHER, NONE, REFUSE),
    ],
)
def test_devices_are_decided_on(  # noqa: PLR0917 - a column each
    mode: Mode,
    auth: Auth,
    registration: str,
    owner: CertificateOf,
    secret: str,
    verdict: Verdict,
) -> None:
    known = [digest_of(KEY, "c1", RIGHT)]
    decided = decide(
        mode,
        registration,
        known,
        auth=auth,
        certificate=owner,
        complete=True,
        digests=[digest_of(KEY, "c1", secret)],
    )
    assert decided is verdict


def test_one_without_a_secret_needs_a_certificate_too_if_it_is_set_to_that() -> None:
    decided = decide(
        "optional",
        "registered",
        [],
        auth="certificate",
        complete=True,
        digests=[digest_of(KEY, "c1", NONE)],
    )
    assert decided is REFUSE
