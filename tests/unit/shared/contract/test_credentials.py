"""Digests of devices' secrets."""

import hashlib
import hmac

import pytest

from shared.contract.credentials import (
    MINIMUM_KEY_LENGTH,
    digest_of,
    fingerprint_of,
    is_any_among,
    is_key,
)

KEY = "k" * MINIMUM_KEY_LENGTH


def test_a_digest_is_hmac_sha_256_of_id_and_secret() -> None:
    # Registry and gateway compute it independently, so it must never change.
    expected = hmac.new(KEY.encode(), b"c1\ns3cret", hashlib.sha256).hexdigest()
    assert digest_of(KEY, "c1", "s3cret") == expected
    assert len(expected) == 64


@pytest.mark.parametrize(
    ("key", "device_id", "secret"), [("K" * 32, "c1", "s"), (KEY, "c2", "s"), (KEY, "c1", "S")]
)
def test_key_id_and_secret_all_count(key: str, device_id: str, secret: str) -> None:
    assert digest_of(key, device_id, secret) != digest_of(KEY, "c1", "s")


@pytest.mark.parametrize(
    ("digest", "known", "found"),
    [
        ("right", ["right"], True),
        ("right", ["other", "right"], True),
        ("right", ["right", "other"], True),
        ("right", ["other"], False),
        ("right", [""], False),
        ("right", [], False),
        ("", [], False),
    ],
)
def test_a_digest_is_found_among_those_known(digest: str, known: list[str], *, found: bool) -> None:
    assert is_any_among([digest], known) is found


@pytest.mark.parametrize(
    ("text", "may_be"),
    [
        ("k" * 32, True),
        ("a key may have spaces, all printable", True),
        ("k" * 31, False),
        ("", False),
        ("k" * 32 + "\n", False),
        ("k" * 32 + "\N{LATIN SMALL LETTER A WITH DIAERESIS}", False),
    ],
)
def test_a_key_is_32_printable_ascii_characters_or_more(text: str, *, may_be: bool) -> None:
    assert is_key(text) is may_be


def test_a_fingerprint_tells_keys_apart_and_nothing_else() -> None:
    # Instances of different versions compare it, so it must never change.
    expected = hmac.new(KEY.encode(), b"chargelight credential key", hashlib.sha256).hexdigest()
    assert fingerprint_of(KEY) == expected[:16]
    assert fingerprint_of(KEY) != fingerprint_of("K" * 32)
