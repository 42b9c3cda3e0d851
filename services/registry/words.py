"""Texts that people write: labels, locations, tickets. The one place where they are normalised.

Two texts that look the same are stored the same: composed (NFC, https://unicode.org/reports/tr15/),
without spaces around them. So what a phone's keyboard, a spreadsheet and a script write of one name
is one name.
"""

import re
import unicodedata
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

MAX_CHARACTERS: Final = 200
WORDS_RULE: Final = f"at most {MAX_CHARACTERS} characters, no control characters"

# Lists would not show control characters, and Postgres takes no NUL. For the document: what a
# validator says is in words.
PATTERN: Final = r"^[^\x00-\x1f\x7f]*$"

# fullmatch, because `$` would let a newline through.
_WORDS: Final = re.compile(rf"[^\x00-\x1f\x7f\ud800-\udfff]{{0,{MAX_CHARACTERS}}}")


def normalise(text: str) -> str:
    """Return a text as it is stored."""
    return unicodedata.normalize("NFC", text).strip()


def is_words(text: str) -> bool:
    """Tell whether a normalised text may be a label or the like: the rule of `Words`."""
    return _WORDS.fullmatch(text) is not None


def _normalise_text(value: Any) -> Any:
    return normalise(value) if isinstance(value, str) else value


Normalised = BeforeValidator(_normalise_text)
"""For ``Annotated``: the text is normalised before anything is checked."""


def _must_be_words(text: str) -> str:
    if not is_words(text):
        raise ValueError(WORDS_RULE)
    return text


Words = Annotated[
    str,
    Normalised,
    AfterValidator(_must_be_words),
    WithJsonSchema({"type": "string", "maxLength": MAX_CHARACTERS, "pattern": PATTERN}),
]
"""A label or the like. (pydantic itself refuses half surrogate pairs.)"""
