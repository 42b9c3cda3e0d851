"""What a scanned or typed text may stand for. No I/O.

A code on a device is its id, or a link with the id in it: one of ours, or of those who printed it.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Final, NamedTuple
from urllib.parse import unquote

from pydantic import AfterValidator, WithJsonSchema

from services.registry.words import PATTERN, Normalised
from shared.contract.devices import Kind

MOST_CHARACTERS: Final = 1000
"""Of a link; a QR code holds some more."""
_LONGEST_NAME: Final = 64
"""Of an id or a ticket."""
_MOST_WORDS: Final = 8
"""Of a link: each is looked for in Postgres."""

_RULE: Final = f"it must be 1 to {MOST_CHARACTERS} characters, no control characters"
_TEXT: Final = re.compile(rf"[^\x00-\x1f\x7f\ud800-\udfff]{{1,{MOST_CHARACTERS}}}")
# A scanner of bar codes may write all of it in capitals.
_LINK: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*(\S*)", re.ASCII | re.IGNORECASE)
_APART: Final = re.compile(r"[/?#&=;]+")
_KINDS: Final = {f"{kind}{plural}": kind for kind in Kind for plural in ("", "s")}


def _must_be_text(text: str) -> str:
    if not _TEXT.fullmatch(text):
        raise ValueError(_RULE)
    return text


ScannedText = Annotated[
    str,
    Normalised,
    AfterValidator(_must_be_text),
    WithJsonSchema(
        {
            "type": "string",
            "minLength": 1,
            "maxLength": MOST_CHARACTERS,
            "pattern": PATTERN,
            "examples": ["https://hub.example/console/#/charger/c1234"],
        }
    ),
]
"""What a scanner read, or a person typed."""


class Word(NamedTuple):
    """What may be an id, a ticket, or a visitor's code."""

    text: str
    kind: Kind | None = None
    """Of which device, if the link says it."""


class Scanned(NamedTuple):
    """What to look for."""

    words: list[Word]
    """The likeliest first. Of a link, the first that is found is what it means."""
    is_part: bool
    """Whether it may also be a part of an id, a label or a ticket."""


def read(text: str) -> Scanned:
    """Return what a text may stand for."""
    link = _LINK.fullmatch(text)
    if link is not None:
        return Scanned([*dict.fromkeys(_words_of(link[1]))][:_MOST_WORDS], is_part=False)
    is_name = len(text) <= _LONGEST_NAME
    return Scanned([Word(text)] if is_name else [], is_part=is_name)


def _words_of(address: str) -> Iterator[Word]:
    """Yield the words of a link, without its host, from its end: what it names comes last."""
    words = [unquote(each) for each in _APART.split(address)]
    before = ["", *words]
    for word, name in zip(reversed(words), reversed(before[:-1]), strict=True):
        if 0 < len(word) <= _LONGEST_NAME and _TEXT.fullmatch(word):
            yield Word(word, _KINDS.get(name.lower()))
