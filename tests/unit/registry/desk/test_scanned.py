"""What a scanned or typed text may stand for."""

import pytest
from pydantic import TypeAdapter, ValidationError

from services.registry.desk.scanned import Scanned, ScannedText, Word, read
from shared.contract.devices import Kind

TEXT: TypeAdapter[str] = TypeAdapter(ScannedText)


def words(text: str) -> list[str]:
    return [word.text for word in read(text).words]


def test_what_is_typed_may_be_a_part_of_what_is_meant() -> None:
    assert read("08 15") == Scanned([Word("08 15")], is_part=True)
    assert read("c" * 65) == Scanned([], is_part=False), "neither an id nor a ticket"


@pytest.mark.parametrize(
    "link",
    [
        "https://hub.example/console/#/charger/c1234",
        "https://hub.example/console/#charger=c1234",
        "http://10.0.0.7:3300/chargers/c1234",
        "http://10.0.0.7:3300/chargers/c1234/",
        "https://labels.example/?x=1&charger=c1234",
        "HTTPS://LABELS.EXAMPLE/CHARGER/c1234",
        "chargelight://hub/charger/%631234",
    ],
)
def test_a_link_says_which_charger_it_means(link: str) -> None:
    first = read(link).words[0]
    assert first == Word("c1234", Kind.CHARGER)
    assert read(link).is_part is False


def test_a_link_of_another_maker_has_its_words_in_their_order_from_the_end() -> None:
    assert words("https://maker.example/powerbank/qr?m=3&id=c1234#top") == [
        *("top", "c1234", "id", "3", "m", "qr", "powerbank")
    ]
    assert read("https://maker.example/c1234").words == [Word("c1234")]


def test_the_host_of_a_link_names_nothing() -> None:
    assert words("https://c1234/") == []
    assert words("https://c1234") == []


def test_a_link_is_searched_only_so_far() -> None:
    assert len(words("https://x/" + "/".join(map(str, range(100))))) == 8
    assert words("https://x/" + "c" * 65) == []
    assert words("https://x/%00") == []


@pytest.mark.parametrize("text", ["", " ", "a\nb", "0\x1d1", "x" * 1001])
def test_what_no_code_of_ours_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        TEXT.validate_python(text)


def test_what_a_scanner_adds_is_taken_off() -> None:
    assert TEXT.validate_python("\x1dc1234\r\n") == "c1234"
