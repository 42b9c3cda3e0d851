"""Who may open a connection."""

import string

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from services.gateway.connection.handshake_rules import (
    device_id_of,
    examine,
    path_of,
    shown_path_of,
)
from services.gateway.connection.origins import OriginRule
from services.gateway.connection.refusals import Refusal
from shared.contract.device_protocol import CHARGER_PATHS, WIDGET_PATHS

CHARGERS, WIDGETS = CHARGER_PATHS, WIDGET_PATHS


def refused(asked: Request, prefixes: tuple[str, ...], *origins: str) -> Refusal:
    """Return the refusal of a request that must not be accepted."""
    refusal = examine(asked, prefixes, OriginRule(origins))
    assert isinstance(refusal, Refusal)
    return refusal


def request(path: str, *origins: str) -> Request:
    return Request(path, Headers([("Origin", origin) for origin in origins]))


IDS = ["c", "c1234", "0", "A-Z_a.z", "-", "_", ".", "..", "...", ".hidden", "chargers", "x" * 64]
NO_IDS = ["", "x" * 65, "//c1", " c1", "\nc1", "%2e%", "%7E", "*", "[ab]", "{p17}"]
NO_IDS += ["\u0441harger", "\u0661", "\uff11"]
NO_IDS += [
    f"c1{end}" for end in ("//", "\n", "\r", "\x00", "%0A", "%2F", "%252D", "%", "*", "\xe4")
]
NO_IDS += [f"c{within}1" for within in ("/", "/../", *"\\: +#;\u200b")]


@pytest.mark.parametrize("device_id", IDS)
def test_an_id_is_1_to_64_letters_digits_dots_dashes_and_underscores(device_id: str) -> None:
    assert device_id_of(f"/chargers/{device_id}", CHARGERS) == device_id


@pytest.mark.parametrize("device_id", NO_IDS)
def test_anything_else_is_no_id(device_id: str) -> None:
    assert device_id_of(f"/chargers/{device_id}", CHARGERS) is None


@pytest.mark.parametrize(
    ("path", "prefixes", "device_id"),
    [
        ("/widgets/w1", WIDGETS, "w1"),
        ("/devices/w1", WIDGETS, "w1"),
        ("/chargers/w1", WIDGETS, None),
        ("/widgets/c1", CHARGERS, None),
        ("/devices/c1", CHARGERS, None),
        ("/", CHARGERS, None),
        ("", CHARGERS, None),
        ("/chargers", CHARGERS, None),
        ("/chargers/", CHARGERS, None),
        ("/Chargers/c1", CHARGERS, None),
        ("//chargers//c1", CHARGERS, None),
        ("//chargers/c1/", CHARGERS, None),
        ("///chargers/c1", CHARGERS, None),
        ("/chargers//", CHARGERS, None),
        ("/x/chargers/c1", CHARGERS, None),
        ("chargers/c1", CHARGERS, None),
        ("/c1", CHARGERS, None),
        ("http:/chargers/c1", CHARGERS, None),
        ("http:///chargers/c1", CHARGERS, None),
        ("http://host", CHARGERS, None),
        ("http://user:s3cret@host/chargers/c1", CHARGERS, None),
        ("http://host/http://host/chargers/c1", CHARGERS, None),
        ("ftp://host/chargers/c1", CHARGERS, None),
        ("/http://host/chargers/c1", CHARGERS, None),
        ("/chargers/?c1", CHARGERS, None),
    ],
)
def test_each_port_serves_its_own_kind_only(
    path: str, prefixes: tuple[str, ...], device_id: str | None
) -> None:
    assert device_id_of(path, prefixes) == device_id


@pytest.mark.parametrize(
    "target",
    [
        "//chargers/c-1",
        "/chargers//c-1",
        "/chargers/c-1/",
        "/chargers/c%2D1",
        "/chargers/%63%2d%31/?query",
        "/%63hargers/c-1",
        "http://10.0.0.5:3100/chargers/c-1",
        "ws://host/chargers/c-1",
        "HTTPS://[::1]:3100//chargers/c-1?query",
    ],
)
def test_what_clients_and_proxies_do_to_a_right_path_is_undone(target: str) -> None:
    assert device_id_of(target, CHARGERS) == "c-1"


def test_only_letters_digits_and_four_marks_are_unescaped() -> None:
    unescaped = {chr(code) for code in range(256) if path_of(f"/%{code:02x}") != f"/%{code:02x}"}
    assert unescaped == set(string.ascii_letters + string.digits + "-._~")
    assert all(path_of(f"/%{ord(c):02X}x") == f"/{c}x" for c in unescaped)


@pytest.mark.parametrize("query", ["?", "?token=x", "?a/b?c", "?%0A"])
def test_a_query_is_no_part_of_the_id(query: str) -> None:
    assert device_id_of(f"/chargers/c1{query}", CHARGERS) == "c1"


def test_a_wrong_path_is_a_404_that_says_what_is_served() -> None:
    refusal = refused(request("/chargers/c1"), WIDGETS)
    assert refusal.status == 404
    assert refusal.retry_after is None
    assert "/widgets/{id} or /devices/{id}" in refusal.text


def test_what_a_device_sent_never_comes_back_in_the_refusal() -> None:
    assert "script" not in refused(request("/chargers/<script>"), CHARGERS).text


@pytest.mark.parametrize(
    ("path", "origins", "status"),
    [
        ("/chargers/c1", ["https://evil.example"], 403),
        ("/chargers/c1", ["null"], 403),
        ("/chargers/c1", [""], 403),
        ("/chargers/c1", ["https://booth.example.evil.example"], 403),
        # Although one of them is listed.
        ("/chargers/c1", ["https://booth.example", "https://evil.example"], 400),
        ("/nothing", ["https://evil.example"], 404),
    ],
)
def test_a_browser_from_another_origin_is_refused(
    path: str, origins: list[str], status: int
) -> None:
    refusal = refused(request(path, *origins), CHARGERS, "https://booth.example")
    assert refusal.status == status


@pytest.mark.parametrize("origins", [[], ["https://booth.example"]])
def test_a_device_sends_no_origin_and_a_browser_a_listed_one(origins: list[str]) -> None:
    asked = request("/chargers/c1", *origins)
    assert examine(asked, CHARGERS, OriginRule(("https://booth.example",))) == "c1"


def test_a_refused_origin_is_told_what_firmware_sends() -> None:
    refusal = refused(request("/chargers/c1", "http://evil.example"), CHARGERS)
    assert refusal.text.startswith(
        "This Origin is a web page's; firmware sends none, or its hub's own address."
    )


def test_an_origin_may_be_the_address_that_was_asked_for() -> None:
    asked = request("/chargers/c1", "http://10.0.0.5:3100")
    assert refused(asked, CHARGERS).status == 403
    asked.headers["Host"] = "10.0.0.5:3100"
    assert examine(asked, CHARGERS, OriginRule()) == "c1"
    asked.headers["Host"] = "10.0.0.5:3100"  # once more
    assert refused(asked, CHARGERS).status == 400


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("/chargers/c1", "/chargers/c1"),
        ("/chargers//c%2D1?token=s3cret", "/chargers/c-1"),
        ("/charger/c1", "/charger/c1"),
        ("/", ""),
        ("", ""),
        ("/chargers", "/chargers"),
        ("/chargers/c1/s3cret", "/chargers/c1..."),
        ("/chargers/c1:s3cret", "/chargers/c1..."),
        ("/chargers/c1%2fs3cret", "/chargers/c1..."),
        ("//c1:s3cret@hub/chargers/c1", ""),
        ("http://c1:s3cret@hub/chargers/c1", ""),
        ("http://hub/chargers/c1#s3cret", "/chargers/c1..."),
        ("/chargers/main-stage-0012", "/chargers/main-stage-0012"),
        ("/chargers/main-stage-00123", "/chargers/main-sta..."),
        ("/chargers/d8b2f0c4a6e1937f", "/chargers/d8b2f0c4..."),
        ("/d8b2f0c4a6e1937f/c1", "/d8b2f0c4..."),
    ],
)
def test_what_is_shown_of_a_target_holds_no_secret(target: str, shown: str) -> None:
    assert shown_path_of(target) == shown
