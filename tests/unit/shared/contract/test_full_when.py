import re

import pytest

from shared.contract.full_when import PATTERN, is_full_when, minutes_without_energy


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        *(("reported", None), ("suspended", None)),
        *(("no-energy:1", 1), ("no-energy:10", 10), ("no-energy:999", 999)),
    ],
)
def test_a_setting_says_what_counts(text: str, minutes: int | None) -> None:
    assert is_full_when(text)
    assert re.search(PATTERN, text)
    assert minutes_without_energy(text) == minutes


@pytest.mark.parametrize(
    "text",
    [
        *("", "off", "Suspended", "suspended ", "no-energy", "no-energy:", "no-energy:0"),
        *("no-energy:01", "no-energy:1000", "no-energy:-1", "no-energy:٣", "no-energy:5m"),
    ],
)
def test_nothing_else_is_one(text: str) -> None:
    assert not is_full_when(text)
    assert not re.search(PATTERN, text)
