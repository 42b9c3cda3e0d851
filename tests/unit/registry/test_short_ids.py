"""Short ids of rentals: people say them, mishear them, and mistype them."""

import uuid
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.rentals import short_ids
from services.registry.rentals.short_ids import ALPHABET, decode, encode

NUMBERS = st.integers(0, 2**48)


@given(NUMBERS)
def test_each_rental_has_one_of_its_own(number: int) -> None:
    assert decode(encode(number)) == number


@given(NUMBERS)
def test_how_it_is_written_does_not_matter(number: int) -> None:
    text = encode(number)
    written = text.replace("0", "O").replace("1", "l")
    for each in (text.lower(), written, f"{text[:3]}-{text[3:]}"):
        assert decode(each) == number


def test_they_are_short_and_have_no_letters_that_look_alike() -> None:
    ids = [encode(number) for number in range(1, 10_000)]
    assert {len(each) for each in ids} == {6}
    assert not set("".join(ids)) & set("ILOU")
    assert all(before[:3] != after[:3] for before, after in pairwise(ids)), "neighbours differ"


def test_one_that_was_misheard_names_no_other_rental() -> None:
    """One wrong character, or two that changed places: of the 10 million last rentals, none."""
    for number in (1, 77, 123_456):
        text = encode(number)
        wrong = {text[:at] + each + text[at + 1 :] for at in range(6) for each in ALPHABET}
        swapped = {text[:at] + text[at + 1] + text[at] + text[at + 2 :] for at in range(5)}
        for other in (wrong | swapped) - {text}:
            found = decode(other)
            assert isinstance(found, int)
            assert abs(found - number) > 10_000_000


def test_a_uuid_names_a_rental_too() -> None:
    rental = uuid.uuid4()
    assert decode(str(rental)) == decode(rental.hex) == rental


@pytest.mark.parametrize("text", ["", "first", "summary", "G4H9W", "G4H9W5G4H9W5G", "\u0661" * 6])
def test_what_can_be_neither_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=short_ids.EXAMPLE):
        decode(text)
