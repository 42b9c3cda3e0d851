"""Positions as clients send them back."""

import pytest

from services.registry.feed.positions import Position, read_position


def test_a_position_is_read_as_it_was_written() -> None:
    position = Position("9f2c7a1b4e0d3c55", 17)
    assert read_position(str(position)) == position


@pytest.mark.parametrize(
    "text", ["", "17", "-17", "9f2c7a1b4e0d3c55-", "9f2c7a1b4e0d3c55-x", "9f2c7a1b4e0d3c55-1\n"]
)
def test_what_is_none_is_none(text: str) -> None:
    assert read_position(text) is None


def test_a_number_in_other_digits_is_none() -> None:
    assert read_position("9f2c7a1b4e0d3c55-٣") is None
