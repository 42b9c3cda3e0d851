"""What a visitor's page shows."""

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from starlette.responses import HTMLResponse

from services.registry.desk import visitor_page
from services.registry.desk.languages import Language
from services.registry.desk.visitor_page import Phone
from services.registry.estimate.progress import WhyNot
from services.registry.estimate.shown import Minutes, PhoneEstimate
from shared.contract.device_protocol import ChargingStatus

ESTIMATE = PhoneEstimate(
    to_80=Minutes(earliest_minutes=5, latest_minutes=15),
    to_100=Minutes(earliest_minutes=40, latest_minutes=70),
    unknown=None,
)
UNKNOWN = PhoneEstimate(to_80=None, to_100=None, unknown=WhyNot.TOO_FEW_READINGS)


class Elements(HTMLParser):
    """The elements of a page, and their attributes."""

    def __init__(self, page: HTMLResponse) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.feed(bytes(page.body).decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}


def lines(page: HTMLResponse) -> list[str]:
    """Return the heading and what is below it."""
    return re.findall(r"<(?:h1|p)>(.*?)</(?:h1|p)>", bytes(page.body).decode())


def pages(language: Language = Language.ENGLISH) -> list[HTMLResponse]:
    shown = [
        visitor_page.shown(Phone(light, estimate), language)
        for light in (None, *ChargingStatus)
        for estimate in (None, ESTIMATE, UNKNOWN)
    ]
    others = [visitor_page.gone(language), visitor_page.away(language)]
    return [*shown, *others, visitor_page.too_often(language, 60.0)]


@pytest.mark.parametrize(
    ("phone", "said"),
    [
        (
            Phone(ChargingStatus.CHARGING, ESTIMATE),
            [
                "Charging",
                "80 % in about 5 to 15 minutes",
                "Full in about 40 to 70 minutes",
            ],
        ),
        (
            Phone(ChargingStatus.CHARGING80, ESTIMATE.model_copy(update={"to_80": None})),
            ["Nearly ready: 80 % or more", "Full in about 40 to 70 minutes"],
        ),
        (
            Phone(ChargingStatus.CHARGING, UNKNOWN),
            ["Charging", "It cannot be said yet when it will be ready."],
        ),
        (Phone(ChargingStatus.CHARGED, None), ["Ready: you can collect your phone"]),
        (
            Phone(None, None),
            ["Nothing is known yet", "It cannot be said yet when it will be ready."],
        ),
    ],
)
def test_it_says_how_it_stands_and_when_it_will_be_ready(phone: Phone, said: list[str]) -> None:
    assert lines(visitor_page.shown(phone, Language.ENGLISH)) == said


def test_an_open_page_asks_again_unless_there_is_nothing_to_ask_for() -> None:
    assert visitor_page.shown(Phone(None, None), Language.ENGLISH).headers["Refresh"] == "60"
    assert visitor_page.away(Language.ENGLISH).headers["Refresh"] == "60"
    assert "Refresh" not in visitor_page.gone(Language.ENGLISH).headers
    assert visitor_page.too_often(Language.ENGLISH, 60.0).headers["Retry-After"] == "60"


@pytest.mark.parametrize("language", Language)
def test_each_page_is_in_its_language_and_asks_nobody_for_anything(language: Language) -> None:
    for page in pages(language):
        text = bytes(page.body).decode()
        assert f'<html lang="{language}">' in text
        assert page.headers["Content-Language"] == language
        assert page.headers["Vary"] == "Accept-Language"
        elements = Elements(page)
        assert set(elements.names) == {
            *("html", "head", "meta", "title", "style", "body", "main", "p", "h1")
        }
        assert not elements.attributes & {"src", "href", "onclick", "style"}
        assert "Set-Cookie" not in page.headers


def test_a_browser_takes_its_own_style_and_nothing_else() -> None:
    for page in pages():
        (style,) = re.findall(r"<style>(.*?)</style>", bytes(page.body).decode(), re.DOTALL)
        digest = base64.b64encode(sha256(style.encode()).digest()).decode()
        assert page.headers["Content-Security-Policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )


def test_each_light_has_a_shape_and_words_of_its_own() -> None:
    shown = [visitor_page.shown(Phone(light, None), Language.ENGLISH) for light in ChargingStatus]
    texts = [bytes(page.body).decode() for page in shown]
    shapes = [re.findall(r'<p class="shape" aria-hidden="true">(.)</p>', text) for text in texts]
    assert len({*map(tuple, shapes)}) == len({lines(page)[0] for page in shown}) == 3
