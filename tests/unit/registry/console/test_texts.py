"""The console's texts: none is missing in any language, and none is there for nothing."""

import json
import re
from collections.abc import Mapping
from typing import Final

import pytest

from services.registry.console.files import FOLDER

TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((FOLDER / "texts").iterdir())
}
CODE: Final = "".join(path.read_text("utf-8") for path in FOLDER.rglob("*.js"))
ENGLISH: Final = TEXTS["en"]


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_the_languages_are_those_that_one_can_choose() -> None:
    (offered,) = re.findall(r"LANGUAGES = \{(.+?)\}", CODE)
    assert sorted(re.findall(r"(\w+):", offered)) == sorted(TEXTS)
    assert TEXTS.keys() == {"de", "en", "es", "fr"}


@pytest.mark.parametrize("language", TEXTS)
def test_no_text_is_missing_and_each_has_the_same_gaps(language: str) -> None:
    texts = TEXTS[language]
    assert list(texts) == list(ENGLISH)
    assert [name for name, text in texts.items() if not text.strip()] == []
    wrong = [name for name in texts if placeholders(texts[name]) != placeholders(ENGLISH[name])]
    assert wrong == []


def test_each_text_that_the_code_names_is_there_and_no_other() -> None:
    literal = set(re.findall(r"(?<![\w.])t\(\s*'(\w+)'", CODE))
    begun = set(re.findall(r"t\(\s*`(\w+_)\$\{", CODE))
    assert literal <= ENGLISH.keys()
    assert begun
    assert all(any(name.startswith(each) for name in ENGLISH) for each in begun)
    quoted = set(re.findall(r"'(\w+)'", CODE))
    unused = {name for name in ENGLISH if name not in quoted and not name.startswith((*begun,))}
    assert unused == set()


@pytest.mark.parametrize("language", TEXTS)
def test_what_is_read_out_of_a_button_has_what_is_written_on_it(language: str) -> None:
    # Who speaks to the page says what is to be seen (WCAG 2.2, 2.5.3).
    button = r"<button[^>]*aria-label=\$\{t\('(\w+)'[^>]*>\s*\$\{t\('(\w+)'\)\}"
    named = re.findall(button, CODE.replace("=>", "->"))
    assert len(named) >= 3
    texts = TEXTS[language]
    wrong = [spoken for spoken, seen in named if texts[seen].lower() not in texts[spoken].lower()]
    assert wrong == []
