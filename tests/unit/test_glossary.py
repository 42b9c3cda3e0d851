"""The glossary and the code agree: what it names is there, and old words are gone."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = ("services", "shared", "tools", "deploy")
CODE = (".js", ".py", ".lua", ".sql", ".yml")

OLD = {
    "gate": "connection context",
    "inlet": "rate-limited reader",
    "doorkeeper": "authenticator",
    "vouch": "authenticate",
    "applicant": "pending handshake",
    "roster": "gateway members",
    "attendance": "connected devices",
    "enrol": "heartbeat",
    "farewell": "drain",
    "surroundings": "server options",
    "last will": "cleanup on exit",
    "lenient": "tolerant",
    "tally": "fast counter",
    "can not": "cannot",
    "anew": "again",
    "whoever": "a noun",
    "somebody": "a noun",
    "anybody": "a noun",
    "be had": "is available",
    "is to be": "must be",
    "the like of": "like",
}
"""Words that have gone, with what is said instead."""

VALUE_OF_A_SETTING = "anybody-who-reaches-the-ports"
"""Operators write it, so it stays."""


class Entry(NamedTuple):
    word: str
    meaning: str
    places: list[str]


def entries() -> list[Entry]:
    rows = re.findall(r"(?m)^\| \*\*(.+?)\*\* \| (.+?) \| (.+?) \|$", _text("docs/glossary.md"))
    return [Entry(word, meaning, re.findall(r"`(.+?)`", where)) for word, meaning, where in rows]


def code_files() -> Iterator[Path]:
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*")):
            # A migration never changes: databases know what they were made of.
            if path.suffix in CODE and path.parent.name != "migrations":
                yield path


def old_words(text: str) -> list[str]:
    """Return the old words in a text, also as parts of a name."""
    text = text.replace(VALUE_OF_A_SETTING, "")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", text).lower()
    words = re.sub(r"\s+(?:#|--|\*|//)?\s*", " ", words)
    return [word for word in OLD if re.search(rf"\b{word}s?\b", words)]


def _text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_glossary_can_be_read() -> None:
    rows = [line for line in _text("docs/glossary.md").splitlines() if line.startswith("| **")]
    assert len(entries()) == len(rows) > 50
    words = [entry.word.lower() for entry in entries()]
    assert words == sorted(words)


def test_places_in_the_glossary_are_there() -> None:
    places = [place for entry in entries() for place in entry.places]
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_words_and_names_of_the_glossary_are_used_in_the_code() -> None:
    code = "".join(f"{path.name} {path.read_text('utf-8')}" for path in code_files())
    said = re.sub(r"[\W_]+", " ", code).lower()
    assert [entry.word for entry in entries() if entry.word.lower() not in said] == []
    names = {name for entry in entries() for name in re.findall(r"`([\w.]+)`", entry.meaning)}
    assert names
    assert [name for name in names if name not in code] == []


def test_old_words_are_gone() -> None:
    docs = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = [
        f"{path.relative_to(ROOT).as_posix()}: {word!r}, say {OLD[word]!r}"
        for path in [*code_files(), *docs, ROOT / "Makefile", ROOT / ".ci/run"]
        for word in old_words(path.read_text("utf-8"))
    ]
    assert found == [], "\n".join(found)


def test_an_old_word_would_be_found() -> None:
    assert old_words("# What it can\n    # not do") == ["can not"]
    assert old_words("class GateKeeper: last_will = 1") == ["gate", "last will"]
    assert old_words("the gateway aggregates, an epitome of delegates") == []
