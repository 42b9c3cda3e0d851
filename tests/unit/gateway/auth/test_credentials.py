"""Who a device says it is, and what becomes of it."""

import base64

import pytest
from pydantic import SecretStr
from websockets.datastructures import Headers
from websockets.http11 import Request

from services.gateway.auth.credentials import Mode, Verdict, decide, secret_in
from services.gateway.connection.websocket_protocol import DeviceProtocol
from shared.contract.credentials import digest_of
from tests.unit.gateway.fake_device import head_of

KEY = SecretStr("k" * 32)
ADMIT, REFUSE, WAIT = Verdict.ADMIT, Verdict.REFUSE, Verdict.WAIT


def basic(user_and_secret: str) -> str:
    return "Basic " + base64.b64encode(user_and_secret.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "secret"),
    [
        (basic("c1:s3cret"), "s3cret"),
        (basic("c1:with:colons:"), "with:colons:"),
        (basic("c1:\xe4"), "\xe4"),
        (basic("c1:s3cret").replace("Basic", "bAsIc"), "s3cret"),
        ("Bearer s3cret", "s3cret"),
        ("bearer  s3cret ", "s3cret"),
        (basic("c1:"), ""),
        (basic("c2:s3cret"), ""),
        (basic("C1:s3cret"), ""),
        (basic("c1s3cret"), ""),
        (basic(":s3cret"), ""),
        ("Basic c1:s3cret", ""),
        ("Basic \xe4", ""),
        ("Basic /w==", ""),
        ("Basic", ""),
        ("Bearer", ""),
        ("s3cret", ""),
        ("Digest s3cret", ""),
        ("", ""),
    ],
)
def test_a_secret_comes_with_the_devices_own_id_or_as_bearer(
    authorization: str, secret: str
) -> None:
    presented = secret_in(Headers([("Authorization", authorization)]), "c1")
    assert presented.get_secret_value() == secret


@pytest.mark.parametrize("values", [[], ["Bearer a", "Bearer b"]])
def test_two_headers_are_as_good_as_none(values: list[str]) -> None:
    headers = Headers([("Authorization", value) for value in values])
    assert secret_in(headers, "c1").get_secret_value() == ""


def decide_on(
    mode: Mode,
    registration: str,
    known: list[str],
    secret: str | SecretStr,
    *,
    complete: bool = True,
) -> Verdict:
    digests = [digest_of(KEY.get_secret_value(), "c1", one) for one in known]
    presented = secret if isinstance(secret, str) else secret.get_secret_value()
    own = [digest_of(key, "c1", presented) for key in (KEY.get_secret_value(), "another key")]
    return decide(mode, registration, digests, complete=complete, digests=own)


@pytest.mark.parametrize(
    ("mode", "registration", "known", "secret", "verdict"),
    [
        ("required", "registered", ["right"], "right", ADMIT),
        ("required", "registered", ["old", "right"], "right", ADMIT),
        ("required", "registered", ["right", "new"], "right", ADMIT),
        ("required", "registered", ["right"], "wrong", REFUSE),
        ("required", "registered", ["right"], "", REFUSE),
        ("required", "registered", [], "", REFUSE),
        ("required", "registered", [], "right", REFUSE),
        ("required", "unregistered", [], "right", REFUSE),
        ("required", "unregistered", [], "", REFUSE),
        ("required", "absent", [], "right", WAIT),
        ("required", "absent", ["right"], "wrong", WAIT),
        ("optional", "registered", ["right"], "right", ADMIT),
        ("optional", "registered", ["right"], "wrong", REFUSE),
        ("optional", "registered", ["right"], "", REFUSE),
        ("optional", "registered", [], "", ADMIT),
        ("optional", "registered", [], "whatever", ADMIT),
        ("optional", "unregistered", [], "", ADMIT),  # to be closed with 4404
        ("optional", "absent", [], "", WAIT),
        # Left over from before it was unregistered.
        ("required", "unregistered", ["right"], "right", REFUSE),
        ("optional", "unregistered", ["right"], "wrong", ADMIT),
    ],
)
def test_devices_are_decided_on(
    mode: Mode, registration: str, known: list[str], secret: str, verdict: Verdict
) -> None:
    assert decide_on(mode, registration, known, secret) is verdict


@pytest.mark.parametrize(
    ("mode", "registration", "known", "secret", "verdict"),
    [
        ("required", "absent", [], "wrong", WAIT),
        ("required", "unregistered", [], "wrong", WAIT),
        ("required", "registered", ["right"], "wrong", WAIT),
        ("required", "registered", [], "", WAIT),
        ("required", "registered", ["right"], "right", ADMIT),
        ("optional", "registered", ["right"], "wrong", REFUSE),
        ("optional", "registered", [], "", ADMIT),
    ],
)
def test_while_the_directory_is_incomplete_a_wrong_secret_waits_like_an_unknown_id(
    mode: Mode, registration: str, known: list[str], secret: str, verdict: Verdict
) -> None:
    assert decide_on(mode, registration, known, secret, complete=False) is verdict


def test_a_secret_does_not_show_where_it_is_printed() -> None:
    presented = secret_in(Headers([("Authorization", "Bearer opensesame")]), "c1")
    assert presented.get_secret_value() == "opensesame"
    assert "opensesame" not in f"{presented} {presented!r}"


@pytest.mark.parametrize("value", [b"Bearer \xff", b"Bearer \xed\xa0\x80", b"Basic \xff"])
def test_bytes_that_are_no_text_are_a_wrong_secret(value: bytes) -> None:
    # As they come from the wire: what the library makes of them must have a digest.
    websocket = DeviceProtocol()
    head = head_of("/chargers/c1", "Authorization: X")
    websocket.receive_data(head.replace(b"Authorization: X", b"Authorization: " + value))
    (request,) = websocket.events_received()
    assert isinstance(request, Request)
    assert (
        decide_on("required", "registered", ["right"], secret_in(request.headers, "c1")) is REFUSE
    )
