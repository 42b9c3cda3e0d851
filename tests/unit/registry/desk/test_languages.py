"""Which of our languages a browser asks for."""

import pytest

from services.registry.desk.languages import Language, choose
from services.registry.desk.visitor_texts import TEXTS, Texts


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("", "en"),
        ("*", "en"),
        ("de", "de"),
        ("de-CH, en;q=0.8", "de"),
        ("zh-Hant-TW, fr;q=0.5, es;q=0.7", "es"),
        ("es;q=0.5,fr;q=0.5", "es"),
        ("FR-ca", "fr"),
        ("de;q=0, it", "en"),
        ("de;q=0, es;q=0.1", "es"),
        ("de;q=x, ;;, q=1", "en"),
        ("it," * 30 + "de", "en"),
    ],
)
def test_the_language_that_is_liked_best_is_chosen(accepted: str, chosen: str) -> None:
    assert choose(accepted) == chosen


def test_no_text_is_missing_in_any_language() -> None:
    assert set(TEXTS) == set(Language)
    for name in Texts._fields:
        said = [getattr(texts, name) for texts in TEXTS.values()]
        assert all(said), name
        assert len(set(said)) == len(Language), f"{name} is the same in two languages"
    for texts in TEXTS.values():
        for text in (texts.to_80, texts.to_100):
            assert text.count("{earliest}") == text.count("{latest}") == 1
