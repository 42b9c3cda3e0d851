"""Digests of devices' secrets."""

import hashlib
import hmac

import pytest

from shared.credentials import MINIMUM_KEY_LENGTH, digest_of, is_among

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
    ("known", "found"),
    [
        (["right"], True),
        (["other", "right"], True),
        (["right", "other"], True),
        (["other"], False),
        ([], False),
        ([""], False),
    ],
)
def test_a_digest_is_found_among_those_known(known: list[str], *, found: bool) -> None:
    assert is_among("right", known) is found


@pytest.mark.parametrize("digest", ["abba", ""])
def test_where_nothing_is_known_nothing_is_right(digest: str) -> None:
    assert not is_among(digest, [])
