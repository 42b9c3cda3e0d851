"""A JSON reader of its own (RFC 8259), to judge the one that the gateway uses.

It is slow, plain and strict: no name twice, no ``NaN``, nothing behind the document.
"""

import re
from typing import Final

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MOST_NESTED: Final = 300
"""Deeper documents are legal, but a reader may refuse them (RFC 8259 section 9)."""

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
_HEX: Final = re.compile(r"[0-9A-Fa-f]{4}")
_ESCAPES: Final = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_WORDS: Final[dict[str, Json]] = {"true": True, "false": False, "null": None}


class NotJsonError(Exception):
    """The text is no JSON, or says two things at once."""


class TooDeepError(Exception):
    """The text is nested so deeply that a reader may refuse it or not."""


def document_in(text: str) -> Json:
    """Return the document that a text is.

    Raises:
        NotJsonError: It is none.
        TooDeepError: It cannot be told.
    """
    reader = _Reader(text)
    value = reader.value(0)
    reader.skip(_SPACE)
    if reader.at != len(text):
        raise NotJsonError("something follows the document")
    return value


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def skip(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def next_is(self, character: str) -> bool:
        """Skip spaces and, if it comes next, a character."""
        self.skip(_SPACE)
        if self.text[self.at : self.at + 1] != character:
            return False
        self.at += 1
        return True

    def expect(self, character: str) -> None:
        if not self.next_is(character):
            raise NotJsonError(f"expected {character} at {self.at}")

    def value(self, depth: int) -> Json:
        if depth > MOST_NESTED:
            raise TooDeepError
        if self.next_is("{"):
            return self.members(depth)
        if self.next_is("["):
            return self.elements(depth)
        if self.next_is('"'):
            return self.string()
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        number = self.skip(_NUMBER)
        if number is None:
            raise NotJsonError(f"no value at {self.at}")
        whole, fraction, exponent = number.groups()
        return int(whole) if fraction is None and exponent is None else float(number[0])

    def members(self, depth: int) -> Json:
        found: dict[str, Json] = {}
        twice = False
        if self.next_is("}"):
            return found
        while True:
            self.expect('"')
            name = self.string()
            twice = twice or name in found
            self.expect(":")
            found[name] = self.value(depth + 1)
            if not self.next_is(","):
                self.expect("}")
                if twice:
                    raise NotJsonError("a name stands twice")
                return found

    def elements(self, depth: int) -> Json:
        found: list[Json] = []
        if self.next_is("]"):
            return found
        while True:
            found.append(self.value(depth + 1))
            if not self.next_is(","):
                self.expect("]")
                return found

    def string(self) -> str:
        """Read on behind the opening quotation mark."""
        units = bytearray()
        while True:
            plain = self.skip(_PLAIN)
            assert plain is not None, "it matches nothing too"
            units += plain[0].encode("utf-16-le")
            following = self.text[self.at : self.at + 2]
            self.at += 1
            if following[:1] == '"':
                # Halves of a pair that stand side by side make one character.
                return units.decode("utf-16-le", "surrogatepass")
            if following[:1] != "\\":
                raise NotJsonError("a string without an end, or with a control character")
            self.at += 1
            if following == "\\u":
                number = self.skip(_HEX)
                if number is None:
                    raise NotJsonError("a broken escape")
                units += int(number[0], 16).to_bytes(2, "little")
            elif following[1:] in _ESCAPES:
                units += _ESCAPES[following[1:]].encode("utf-16-le")
            else:
                raise NotJsonError("an unknown escape")
