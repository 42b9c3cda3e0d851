"""API keys: how they look, what roles include."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.access.keys import (
    KeyFault,
    NewKey,
    Role,
    StoredKey,
    fault_of,
    hash_of,
    id_in,
    new_key,
)

NOW = datetime(2026, 11, 29, 20, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def stored(
    key: NewKey, expires_at: datetime | None = None, revoked_at: datetime | None = None
) -> StoredKey:
    return StoredKey(key.id, "anna", Role.OPERATOR, key.hash(), expires_at, revoked_at)


def test_a_new_key_can_be_told_apart_and_known_again() -> None:
    key = new_key()
    assert id_in(key.text) == key.id
    assert fault_of(key.text, stored(key), NOW) is None
    assert key.id not in key.text.removeprefix(f"clk_{key.id}")
    assert new_key().text != key.text


def test_what_is_kept_does_not_hold_the_key() -> None:
    key = new_key()
    secret = key.text.split("_", 2)[2].encode()
    assert secret not in key.hash()
    assert len(key.hash()) == 32


def test_an_older_registry_does_not_know_a_key_that_is_for_a_booth() -> None:
    key = new_key()
    limited = stored(key)
    assert fault_of(key.text, replace(limited, booth="bar", hash=key.hash("bar")), NOW) is None
    # It compares with the hash of the key alone, and would not limit it.
    assert key.hash("bar") not in (key.hash(), key.hash("tower"))
    for booth in (None, "tower"):
        moved = replace(limited, booth=booth, hash=key.hash("bar"))
        assert fault_of(key.text, moved, NOW) is KeyFault.UNKNOWN


@pytest.mark.parametrize("change", ["", "x", " "])
def test_another_key_is_another_one(change: str) -> None:
    key = new_key()
    other = key.text[:-1] + ("A" if key.text[-1] != "A" else "B") + change
    assert fault_of(other, stored(key), NOW) is KeyFault.UNKNOWN


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ({}, None),
        ({"expires_at": NOW + SECOND}, None),
        ({"expires_at": NOW}, KeyFault.EXPIRED),
        ({"revoked_at": NOW - SECOND}, KeyFault.REVOKED),
        ({"expires_at": NOW, "revoked_at": NOW}, KeyFault.REVOKED),
    ],
)
def test_a_key_is_judged_by_its_times(times: dict[str, datetime], fault: KeyFault | None) -> None:
    key = new_key()
    assert fault_of(key.text, stored(key, **times), NOW) is fault


def test_only_who_has_the_whole_key_hears_that_it_was_valid() -> None:
    key = new_key()
    guessed = f"clk_{key.id}_{'x' * 43}"
    assert fault_of(guessed, stored(key, revoked_at=NOW), NOW) is KeyFault.UNKNOWN
    assert fault_of(key.text, None, NOW) is KeyFault.UNKNOWN


@given(st.text())
def test_whatever_is_no_key_has_no_id(text: str) -> None:
    if not text.startswith("clk_"):
        assert id_in(text) is None
    assert id_in(text + "\n") is None


def test_a_hash_is_sha256() -> None:
    # FIPS 180-4's own example.
    assert hash_of("abc").hex().startswith("ba7816bf8f01cfea414140de5dae2223b00361a396177a9c")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.ATTENDANT, {Role.VIEWER, Role.ATTENDANT}),
        (Role.OPERATOR, {Role.VIEWER, Role.ATTENDANT, Role.OPERATOR}),
        (Role.ADMIN, set(Role)),
    ],
)
def test_each_role_includes_those_before_it(role: Role, may: set[Role]) -> None:
    assert {other for other in Role if role.includes(other)} == may
