"""API keys: how they look, what roles include."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.access.keys import Role, hash_of, id_in, matches, new_key


def test_a_new_key_can_be_told_apart_and_known_again() -> None:
    key = new_key()
    assert id_in(key.text) == key.id
    assert matches(key.text, key.hash)
    assert key.id not in key.text.removeprefix(f"clk_{key.id}")
    assert new_key().text != key.text


def test_what_is_kept_does_not_hold_the_key() -> None:
    key = new_key()
    secret = key.text.rpartition("_")[2].encode()
    assert secret not in key.hash
    assert len(key.hash) == 32


@pytest.mark.parametrize("change", ["", "x", " "])
def test_another_key_is_another_one(change: str) -> None:
    key = new_key()
    other = key.text[:-1] + ("A" if key.text[-1] != "A" else "B") + change
    assert not matches(other, key.hash)


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
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.ADMIN, {Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
    ],
)
def test_each_role_includes_those_before_it(role: Role, may: set[Role]) -> None:
    assert {other for other in Role if role.includes(other)} == may
