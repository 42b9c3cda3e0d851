"""Short ids of rentals, for people: said over the radio, typed, written on a slip. No I/O.

A short id is the opening number of a rental, scattered over all ids of six characters. So it
is not stored, no two rentals have the same, and one that was misheard names no other: see
`_FACTOR`.
"""

import re
from typing import Final
from uuid import UUID

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without I, L, O and U: Crockford's base 32, https://www.crockford.com/base32.html"""

EXAMPLE: Final = "G4H9W5"
RULE: Final = f"a rental's id is a UUID, or its short id of six letters and digits: {EXAMPLE}"
PATTERN: Final = "^[0-9A-Za-z-]{6,36}$"
"""What may be one, for the document."""

_LENGTH: Final = 6
_MODULUS: Final = len(ALPHABET) ** _LENGTH

_FACTOR: Final = 541_632_389
"""Odd, so that multiplying by it has an inverse. Found by trying: with one wrong character, or
two that changed places, an id names a rental opened 18 million rentals earlier or later."""
_INVERSE: Final = pow(_FACTOR, -1, _MODULUS)

_LOOK_ALIKE: Final = str.maketrans("OIL", "011")
_TO_BASE_32: Final = str.maketrans(ALPHABET, "0123456789ABCDEFGHIJKLMNOPQRSTUV")
"""From our digits to those that `int` reads."""
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}")
_SHORT: Final = re.compile(rf"[{ALPHABET}]{{{_LENGTH},12}}")


def encode(opening_number: int) -> str:
    """Return the short id of the rental with this opening number."""
    beyond, low = divmod(opening_number, _MODULUS)
    # Ids grow longer after a billion rentals.
    left = beyond * _MODULUS + low * _FACTOR % _MODULUS
    text = ""
    while left or len(text) < _LENGTH:
        left, digit = divmod(left, len(ALPHABET))
        text = ALPHABET[digit] + text
    return text


def decode(text: object) -> UUID | int:
    """Return which rental a text names: by its id, or by its opening number.

    Of a short id, the case does not matter, nor do hyphens; O counts as 0, I and L as 1.

    Raises:
        ValueError: It can be neither; the text is for people.
    """
    if not isinstance(text, str):
        raise ValueError(RULE)  # noqa: TRY004 - pydantic passes on no other
    if _UUID.fullmatch(text):
        return UUID(text)
    short = text.upper().replace("-", "").translate(_LOOK_ALIKE)
    if not _SHORT.fullmatch(short):
        raise ValueError(RULE)
    beyond, low = divmod(int(short.translate(_TO_BASE_32), 32), _MODULUS)
    return beyond * _MODULUS + low * _INVERSE % _MODULUS
