"""Which secrets there may be, and which of a device's stay valid."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.access.secret import (
    MAX_VALID,
    Change,
    PreparedSecret,
    StoredSecret,
    change_to,
    is_secret,
    new_secret,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def stored(
    number: int, name: str, expires_in: timedelta | None = None, key: str = "key"
) -> StoredSecret:
    expires_at = None if expires_in is None else NOW + expires_in
    return StoredSecret(number, f"hash of {name}", f"{key} {name}", key, NOW - DAY, expires_at)


def wish(name: str, key: str = "key", hash_of: str | None = None) -> PreparedSecret:
    return PreparedSecret(hash_of or f"hash of {name}", f"{key} {name}", key)


def applied(
    change: Change, made_of: PreparedSecret, before: list[StoredSecret], overlap: timedelta
) -> list[StoredSecret]:
    """What there is after a change, as Postgres would have it."""
    after = []
    for each in before:
        if each.id in change.remove:
            continue
        digest, key = each.digest, each.key_fingerprint
        if each.id == change.update_digest:
            digest, key = made_of.digest, made_of.key_fingerprint
        expires_at = NOW + overlap if each.id in change.expire else each.expires_at
        after.append(StoredSecret(each.id, each.hash, digest, key, each.created_at, expires_at))
    if change.insert:
        number = max((each.id for each in before), default=0) + 1
        after.append(
            StoredSecret(number, made_of.hash, made_of.digest, made_of.key_fingerprint, NOW, None)
        )
    return after


# --- what may be a secret


@pytest.mark.parametrize(
    "text", ["x" * 16, "x" * 256, "0123456789:abcde", "!~!~!~!~!~!~!~!~", '"quoted\\text"...']
)
def test_a_secret_is_16_to_256_printable_ascii_characters(text: str) -> None:
    assert is_secret(text)


@pytest.mark.parametrize(
    "text",
    ["", "x" * 15, "x" * 257, " " + "x" * 16, "x" * 16 + "\n", "x" * 15 + "\x7f", "\xe4" * 16],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_secret(text)


def test_a_made_secret_has_32_characters_that_need_no_escaping_and_is_never_the_same() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    for secret in made:
        assert is_secret(secret)
        assert len(secret) == 32
        assert set(secret) <= set(string.ascii_letters + string.digits + "-_")


def test_neither_hash_nor_digest_shows_up_in_a_log() -> None:
    assert "hash of" not in repr(stored(1, "a")) + repr(wish("a"))
    assert "key a" not in repr(stored(1, "a")) + repr(wish("a"))


# --- which stay valid


def test_the_first_secret_is_just_added() -> None:
    assert change_to(wish("a"), [], NOW, DAY) == Change(
        insert=True, update_digest=None, remove=(), expire=()
    )


def test_the_same_secret_again_changes_nothing() -> None:
    assert not change_to(wish("a"), [stored(1, "a")], NOW, DAY)
    # Nor with a hash of its own, made while somebody else set the same one.
    assert not change_to(wish("a", hash_of="another salt"), [stored(1, "a")], NOW, DAY)


def test_an_earlier_secret_expires_when_the_overlap_ends() -> None:
    change = change_to(wish("b"), [stored(1, "a")], NOW, DAY)
    assert change == Change(insert=True, update_digest=None, remove=(), expire=(1,))


def test_what_expires_sooner_anyway_is_left_alone() -> None:
    change = change_to(wish("c"), [stored(1, "a", HOUR), stored(2, "b")], NOW, DAY)
    assert change.expire == (2,)


def test_a_shorter_overlap_shortens_those_of_before() -> None:
    change = change_to(wish("b"), [stored(1, "a", DAY), stored(2, "b")], NOW, HOUR)
    assert change == Change(insert=False, update_digest=None, remove=(), expire=(1,))


def test_without_an_overlap_the_earlier_ones_go_at_once() -> None:
    change = change_to(wish("b"), [stored(1, "a", DAY), stored(2, "b")], NOW, timedelta(0))
    assert change == Change(insert=False, update_digest=None, remove=(1,), expire=())


def test_an_earlier_secret_that_is_set_again_becomes_the_newest() -> None:
    change = change_to(wish("a"), [stored(1, "a", HOUR), stored(2, "b")], NOW, DAY)
    assert change == Change(insert=True, update_digest=None, remove=(1,), expire=(2,))


def test_after_a_change_of_the_key_the_same_secret_only_gets_a_new_digest() -> None:
    before = [stored(1, "a", HOUR, key="old"), stored(2, "b", key="old")]
    change = change_to(wish("b", key="new"), before, NOW, DAY)
    assert change == Change(insert=False, update_digest=2, remove=(), expire=())


def test_the_same_digest_of_another_key_is_another_secret() -> None:
    theirs = StoredSecret(1, "hash of a", "the digest", "old", NOW, None)
    ours = PreparedSecret("hash of b", "the digest", "new")
    assert change_to(ours, [theirs], NOW, DAY).insert


names = st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h"])
overlaps = st.sampled_from([timedelta(0), timedelta(seconds=1), HOUR, DAY])


@st.composite
def devices(draw: st.DrawFn) -> list[StoredSecret]:
    """What a device may have: also what was made by hand, and what has just expired."""
    expiries = st.sampled_from([None, -HOUR, timedelta(0), HOUR, 2 * DAY])
    keys = st.sampled_from(["key", "old"])
    drawn = draw(st.lists(names, max_size=8, unique=True))
    return [
        stored(number, name, draw(expiries), draw(keys)) for number, name in enumerate(drawn, 1)
    ]


@given(devices(), names, overlaps)
def test_the_secret_is_the_newest_and_never_expires_by_itself(
    before: list[StoredSecret], name: str, overlap: timedelta
) -> None:
    after = applied(change_to(wish(name), before, NOW, overlap), wish(name), before, overlap)
    newest = after[-1]
    assert (newest.digest, newest.key_fingerprint) == (f"key {name}", "key")
    assert newest.expires_at is None
    assert newest.hash == f"hash of {name}"


@given(devices(), names, overlaps)
def test_repeating_it_changes_nothing(
    before: list[StoredSecret], name: str, overlap: timedelta
) -> None:
    after = applied(change_to(wish(name), before, NOW, overlap), wish(name), before, overlap)
    assert not change_to(wish(name), after, NOW, overlap)


@given(devices(), names, overlaps)
def test_at_most_five_are_valid_and_the_one_that_was_newest_is_among_them_for_the_overlap(
    before: list[StoredSecret], name: str, overlap: timedelta
) -> None:
    after = applied(change_to(wish(name), before, NOW, overlap), wish(name), before, overlap)
    assert len(after) <= MAX_VALID
    assert all(each.expires_at is None or each.expires_at > NOW for each in after)
    assert all(
        each.expires_at is not None and each.expires_at <= max(NOW + overlap, NOW + HOUR)
        for each in after[:-1]
    )
    valid = [each for each in before if each.expires_at is None or each.expires_at > NOW]
    if valid and overlap:
        assert valid[-1].hash in {each.hash for each in after}


@given(devices(), st.integers(1, MAX_VALID - 1))
def test_answers_that_were_lost_lock_nobody_out(before: list[StoredSecret], lost: int) -> None:
    valid = [each for each in before if each.expires_at is None or each.expires_at > NOW]
    after = before
    for attempt in range(lost):
        made = wish(f"attempt {attempt}")
        after = applied(change_to(made, after, NOW, DAY), made, after, DAY)
    if valid:
        assert valid[-1].hash in {each.hash for each in after}
