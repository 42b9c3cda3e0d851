r"""Finds texts in any spelling: without regard to capitals and accents.

As a regular expression for Postgres that names all spellings of each letter. So nothing depends on
the server: `lower` and ILIKE know letters beyond a to z only in some locales, `unaccent` may not
be installed, and a second column for searching would miss rows that were changed by hand or
restored from an old backup.
"""

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

_ACCENT: Final = r"[\u0300-\u036f]"
_ACCENTS: Final = re.compile(_ACCENT)

# Letters that Unicode does not decompose, as people type them who lack the key.
_LETTERS: Final = str.maketrans(
    dict(zip("ŁłØøĐđĦħŦŧıÐð", "LlOoDdHhTtiDd", strict=True))
    | {"Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Þ": "TH", "þ": "th"}
)
_ALPHABETS: Final = range(0x20, 0x2000)
"""Code points: all alphabets with accents that matter are below the symbols."""

_MOST_LETTERS: Final = 2
"""Of one character: ß is ss."""

_LONGEST_RUN: Final = 6
"""Equal letters in a row that are counted exactly. More of them match half as many, too."""

_SPECIAL: Final = frozenset(r"\.*+?^$|()[]{}-")
"""Characters with a meaning in Postgres' regular expressions."""


def fold(text: str) -> str:
    """Return what all spellings of a text have in common."""
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", text.translate(_LETTERS)))
    return unicodedata.normalize("NFC", plain.casefold())


def containing(text: str) -> str:
    """Return a regular expression that matches what contains a text, in any spelling."""
    return "".join(map(_any_spelling, _runs().findall(fold(text))))


def equal_to(text: str) -> str:
    """Return a regular expression that matches a text as a whole, in any spelling.

    Spaces around it do not matter, because they can be in rows that were changed by hand.
    """
    return rf"^\s*{containing(text)}\s*$"


@functools.cache
def _spellings() -> Mapping[str, str]:
    """Return the characters that stand for a folded letter, for two, or for one of two.

    So ``stras`` finds what ``strasse`` does, and ß stands for all of s and ss.
    """
    found: dict[str, str] = defaultdict(str)
    for character in map(chr, _ALPHABETS):
        folded = fold(character)
        for letters in {folded, *folded} if len(folded) <= _MOST_LETTERS else ():
            found[letters] += character
    return found


@functools.cache
def _runs() -> re.Pattern[str]:
    """Return what splits a folded text into runs.

    A run is a letter; two that one character may stand for; or equal ones, if one may stand for
    two of them.
    """
    pairs = [letters for letters in _spellings() if len(letters) > 1]
    doubles = [f"{pair[0]}{{2,}}" for pair in pairs if pair[0] == pair[1]]
    return re.compile("|".join([*doubles, *map(re.escape, pairs), "."]), re.DOTALL)


def _any_spelling(folded: str) -> str:
    """Return what matches a run: ``sss`` is also written ßs or sß."""
    if len(folded) > _LONGEST_RUN:
        return f"(?:{_one(folded[0])}){{{len(folded) // 2},{len(folded)}}}"
    if not folded:
        return ""
    if len(folded) == 1:
        return _one(folded)
    single = _one(folded[0]) + _any_spelling(folded[1:])
    double = f"[{_spellings()[folded[:2]]}]{_ACCENT}*{_any_spelling(folded[2:])}"
    return f"(?:{single}|{double})"


@functools.cache
def _one(letter: str) -> str:
    forms = {letter, letter.upper(), *_spellings().get(letter, "")}
    escaped = "".join(
        f"\\{form}" if form in _SPECIAL else form for form in sorted(forms) if len(form) == 1
    )
    return f"[{escaped}]{_ACCENT}*"
