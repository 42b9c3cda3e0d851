import base64

import pytest

from services.gateway.ocpp.authorization import password_in


def basic(user_and_password: bytes, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(user_and_password).decode()}"


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_a_password_that_can_be_typed_is_taken_as_it_is(scheme: str) -> None:
    assert password_in(basic(b"c1234:a secret: of ours", scheme), "c1234") == "a secret: of ours"


@pytest.mark.parametrize(
    ("password", "secret"),
    [
        (bytes.fromhex("00112233AABBCCDDEEFF"), "00112233aabbccddeeff"),
        (b"\xc3\xa4" * 8, "c3a4" * 8),
        (b"sixteen letters\n", b"sixteen letters\n".hex()),
        (b":\xff", "3aff"),
        (b"\x7f", "7f"),
    ],
)
def test_any_other_is_compared_by_its_hex(password: bytes, secret: str) -> None:
    assert password_in(basic(b"c1234:" + password), "c1234") == secret


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Basic", "Basic ", "Basic %%%", "Basic YQ", "Bearer abc", "Basic ä"),
        basic(b"c1234"),
        basic(b"c1234:"),
        basic(b"c9:a secret of theirs"),
        basic(b"C1234:a secret of theirs"),
        basic(b":a secret of nobody"),
        basic(b"\xff:a secret"),
    ],
)
def test_without_a_password_of_this_charger_there_is_none(authorization: str) -> None:
    assert password_in(authorization, "c1234") == ""
