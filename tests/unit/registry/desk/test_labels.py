"""Labels to print."""

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from services.registry.desk import labels
from services.registry.desk.scanned import Word, read
from services.registry.devices.devices import Device
from shared.contract.devices import Kind


def device(device_id: str, label: str = "", location: str = "") -> Device:
    return Device(
        id=device_id,
        label=label,
        location=location,
        booth=None,
        pairing_number=1,
        registered_at=datetime(2026, 11, 24, tzinfo=UTC),
        auth="any",
        canary=False,
    )


class Page(HTMLParser):
    """What is on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.names: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes.update(attrs)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data)


def page(*devices: Device, more: str | None = None) -> Page:
    answer = labels.page_of(Kind.CHARGER, devices, "https://hub.example", more)
    return Page(bytes(answer.body).decode())


def test_a_label_has_a_code_and_words_which_are_no_html() -> None:
    shown = page(device("c1", "<b>left</b> & right", "second shelf"), device("c2"))
    assert shown.names.count("svg") == shown.names.count("section") == 2
    assert shown.texts[2:] == ["c1", "<b>left</b> & right", "second shelf", "c2"]
    assert not shown.attributes.keys() & {"style", "src", "href", "onload"}


def test_a_page_leads_to_the_next_one() -> None:
    shown = page(device("c1"), more="?kind=charger&after=c1")
    assert shown.attributes["href"] == "?kind=charger&after=c1"


@pytest.mark.parametrize("kind", Kind)
def test_what_a_code_says_is_understood_when_it_is_scanned(kind: Kind) -> None:
    for address in ("https://hub.example/registry", "http://192.168.1.5:3300"):
        link = labels.link_to(kind, "A.b-c_9", address)
        assert read(link).words[0] == Word("A.b-c_9", kind)
