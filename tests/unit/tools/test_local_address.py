"""`make up ADDRESS=…` lets others reach the hub, and lets nobody in without credentials."""

import socket

import pytest

from tools.local.address import (
    certificate_names,
    check_is_here,
    console_url,
    device_urls,
    host_here,
    settings_at,
)
from tools.local.decision import Request, decide
from tools.local.errors import LocalHubError
from tools.servers.server_source import ServerSource

CLOSED = {
    "CHARGELIGHT_DEVICE_AUTH": "required",
    "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
}
EMBEDDED, CONTAINERS = ServerSource.EMBEDDED, ServerSource.CONTAINERS
PORTS = (3100, 3200)


@pytest.mark.parametrize("source", [EMBEDDED, CONTAINERS])
@pytest.mark.parametrize("asked", [{}, dict.fromkeys(CLOSED, "off")])
def test_a_hub_that_others_reach_requires_credentials(
    source: ServerSource, asked: dict[str, str]
) -> None:
    own = settings_at("192.168.1.5", source, asked)
    assert own.items() >= CLOSED.items()
    assert [value for name, value in own.items() if name not in CLOSED] == ["192.168.1.5"] * 2
    assert device_urls(source, own, PORTS) == ("ws://192.168.1.5:3100", "ws://192.168.1.5:3200")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (EMBEDDED, "CHARGELIGHT_GATEWAY_HOST"),
        (EMBEDDED, "CHARGELIGHT_REGISTRY_HOST"),
        (CONTAINERS, "CHARGELIGHT_COMPOSE_ADDRESS"),
        (CONTAINERS, "CHARGELIGHT_COMPOSE_REGISTRY_ADDRESS"),
    ],
)
def test_so_does_one_whose_settings_let_others_reach_it(source: ServerSource, name: str) -> None:
    assert settings_at("", source, {name: "0.0.0.0"}) == CLOSED  # noqa: S104
    assert settings_at("", source, {name: "127.0.0.1"}) == {}


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("", "http://127.0.0.1:3300/console/"),
        ("192.168.1.5", "http://192.168.1.5:3300/console/"),
        ("::1", "http://[::1]:3300/console/"),
        ("0.0.0.0", "http://THIS-MACHINE:3300/console/"),  # noqa: S104
    ],
)
@pytest.mark.parametrize("source", [EMBEDDED, CONTAINERS])
def test_the_console_has_an_address_that_a_phone_can_open(
    source: ServerSource, address: str, shown: str
) -> None:
    own = settings_at(address, source, {})
    assert console_url(source, own, 3300) == shown
    secure = {**own, "CHARGELIGHT_GATEWAY_TLS_KEY": "hub.key"}
    assert console_url(source, secure, 3300) == shown.replace("http:", "https:")


@pytest.mark.parametrize("address", ["", "127.0.0.1", "::1"])
@pytest.mark.parametrize("source", [EMBEDDED, CONTAINERS])
def test_on_this_machine_alone_all_stays_open(source: ServerSource, address: str) -> None:
    own = settings_at(address, source, {})
    assert not own.keys() & CLOSED.keys()
    assert device_urls(source, own, PORTS) == ()


def test_a_hub_that_others_reach_speaks_tls() -> None:
    asked = Request.of(["--address", "192.168.1.5"])
    assert asked.wants_tls({})
    assert decide(asked.source, {}, with_tls=True).choice.source is EMBEDDED
    assert not Request.of(["--address", "192.168.1.5", "--tls", "no"]).wants_tls({})
    assert not asked.wants_tls({"CHARGELIGHT_OPEN": "anybody-who-reaches-the-ports"})
    assert not Request.of(["--address", "127.0.0.2"]).wants_tls({})
    assert Request.of(["--tls", "yes"]).wants_tls({})
    secure = {"CHARGELIGHT_GATEWAY_TLS_KEY": "hub.key"}
    own = secure | settings_at("192.168.1.5", EMBEDDED, {})
    assert device_urls(EMBEDDED, own, PORTS)[0] == "wss://192.168.1.5:3100"
    assert device_urls(EMBEDDED, secure, PORTS)[0] == "wss://127.0.0.1:3100"


def test_another_machines_address_is_refused_before_anything_starts() -> None:
    for own in ("", "127.0.0.1", "0.0.0.0"):  # noqa: S104
        check_is_here(own)
    # TEST-NET-1 of RFC 5737: no machine has it.
    with pytest.raises(LocalHubError, match=r"'192\.0\.2\.1', which is none of this machine's"):
        check_is_here("192.0.2.1")


def test_a_wish_for_tls_is_yes_or_no() -> None:
    with pytest.raises(LocalHubError, match="WITH_TLS is 'maybe': it may be yes or no"):
        Request.of(["--tls", "maybe"])


def test_its_certificate_is_for_the_names_that_others_use() -> None:
    assert certificate_names("") == ()
    assert certificate_names("192.168.1.5") == ("192.168.1.5",)
    assert socket.gethostname() in certificate_names("0.0.0.0")  # noqa: S104


def test_what_the_environment_says_of_access_stays() -> None:
    optional = {"CHARGELIGHT_DEVICE_AUTH": "optional"}
    assert "CHARGELIGHT_DEVICE_AUTH" not in settings_at("10.0.0.5", EMBEDDED, optional)
    opened = {"CHARGELIGHT_OPEN": "anybody-who-reaches-the-ports"}
    assert not settings_at("10.0.0.5", EMBEDDED, opened).keys() & CLOSED.keys()


@pytest.mark.parametrize("address", ["192.168.1", "booth.lan", "[::1]", "192.168.1.5:3100", " "])
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(LocalHubError, match=r"ADDRESS is .*, or 0\.0\.0\.0 for all"):
        settings_at(address, EMBEDDED, {})


@pytest.mark.parametrize(
    ("source", "address", "here", "there"),
    [
        (EMBEDDED, "0.0.0.0", "127.0.0.1", "ws://THIS-MACHINE:3100"),  # noqa: S104
        (EMBEDDED, "::", "127.0.0.1", "ws://THIS-MACHINE:3100"),
        (CONTAINERS, "::", "127.0.0.1", "ws://THIS-MACHINE:3100"),
        (EMBEDDED, "127.0.0.2", "127.0.0.2", None),
        (CONTAINERS, "::1", "[::1]", None),
        (EMBEDDED, "fd00::5", "[fd00::5]", "ws://[fd00::5]:3100"),
        (CONTAINERS, "fd00::5", "[fd00::5]", "ws://[fd00::5]:3100"),
    ],
)
def test_addresses_are_written_as_urls_have_them(
    source: ServerSource, address: str, here: str, there: str | None
) -> None:
    own = settings_at(address, source, {})
    assert next(iter(device_urls(source, own, PORTS)), None) == there
    assert {host_here(name, own) for name in own.keys() - CLOSED.keys()} == {here}
