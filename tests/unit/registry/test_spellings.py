"""Texts in any spelling: what finds them, and how they are stored."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry import spellings
from services.registry.words import is_words, normalise

letters = st.characters(max_codepoint=0x52F, categories=["L", "N", "P", "Z"])


def finds(asked: str, text: str) -> bool:
    return re.search(spellings.containing(normalise(asked)), text) is not None


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("grun", "GRÜN"),
        ("GRÜN", "gru\u0308n"),
        ("strasse", "Straße"),
        ("STRASSE", "straẞe"),
        ("Straße", "STRASSE"),
        ("stras", "Straße"),
        ("Fluss-See", "FLUẞ-see"),
        ("Sß", "sSS"),
        ("sss", "Sß"),
        ("sss", "ßs"),
        ("s" * 9, "sßßßß"),
        ("lodz", "Łódź"),
        ("orsted", "Ørsted"),
        ("aero", "Ærø"),
        ("istanbul", "İSTANBUL"),
        ("налево", "НАЛЁВО"),
        ("ΟΔΟΣ", "οδός"),
        ("nguyen", "Nguyễn"),
        ("서울", "\u1109\u1165\u110b\u116e\u11af 서울"),
        ("が", "が"),
    ],
)
def test_a_text_is_found_in_any_spelling(asked: str, text: str) -> None:
    assert finds(asked, text)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("strasse", "strase"),
        ("sss", "ss"),
        ("か", "が"),
        (".", "x"),
        ("a-c", "b"),
        ("[ab]", "a"),
        ("\\\\", "n"),
    ],
)
def test_another_text_is_not_found(asked: str, text: str) -> None:
    assert not finds(asked, text)


@given(st.text(letters, min_size=1, max_size=20))
def test_each_text_is_found_in_each_of_its_spellings(text: str) -> None:
    text = normalise(text)
    for form in (text, text.lower(), unicodedata.normalize("NFD", text)):
        assert finds(text, form)
        assert re.search(spellings.equal_to(text), f" {form} ")


@given(st.text())
def test_a_normalised_text_is_composed_trimmed_and_stays_so(text: str) -> None:
    words = normalise(text)
    assert words == words.strip() == unicodedata.normalize("NFC", words) == normalise(words)


def test_words_have_no_control_characters() -> None:
    assert is_words("a" * 200)
    for text in ("a" * 201, "a\tb", "a\x00b", "\ud800"):
        assert not is_words(text)
