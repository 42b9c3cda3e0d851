"""Which origins are let in: those that no web page can have, and those that are listed."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.connection.origins import OriginRule
from services.gateway.settings import GatewaySettings

RULE = OriginRule(
    listed=("https://booth.example", "null"), hosts=("hub.example.org",), admits_files=True
)
UNLISTED = OriginRule()


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        # What libraries for devices send: arduinoWebSockets, then websocket-client and others.
        ("file://", "10.0.0.5:3100"),
        ("http://10.0.0.5:3100", "10.0.0.5:3100"),
        ("http://10.0.0.5", "10.0.0.5:3100"),
        ("http://10.0.0.5:3100", "10.0.0.5"),
        ("http://10.0.0.5:3100/", "10.0.0.5:3100"),
        ("ws://10.0.0.5:3100", "10.0.0.5:3100"),
        ("https://[FE80::1]:3100", "[fe80::1]:3100"),
        ("http://[0:0:0:0:0:0:0:1]", "[::1]:3100"),
        ("http://localhost:3100", "LOCALHOST:3100"),
        ("HTTP://Hub", "hub:3100"),
        ("http://hub.local", "hub.local:3100"),
        ("http://Hub.Example.org", "hub.example.org"),
        ("https://booth.example", "10.0.0.5:3100"),
        ("null", "10.0.0.5:3100"),
    ],
)
def test_an_origin_of_a_device_or_a_listed_one_is_let_in(origin: str, host: str) -> None:
    assert RULE.admits(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "10.0.0.5:3100"),
        ("", "10.0.0.5:3100"),
        ("", ""),
        ("http://", ""),
        ("10.0.0.5:3100", "10.0.0.5:3100"),
        ("file:///", "10.0.0.5:3100"),
        ("FILE://", "10.0.0.5:3100"),
        ("file://10.0.0.5", "10.0.0.5"),
        ("http://10.0.0.6", "10.0.0.5"),
        # A page on another port of the hub's machine.
        ("http://10.0.0.5:8080", "10.0.0.5:3100"),
        # Names that a stranger can point at the hub.
        ("http://evil.example", "evil.example"),
        ("http://evil.local.example", "evil.local.example"),
        ("http://evil.localhost.example", "evil.localhost.example"),
        ("http://notlocal", "not.local"),
        ("http://hub.example.org", "hub.example.org"),
        ("http://10.0.0.5.example", "10.0.0.5.example"),
        ("http://1.2.3", "1.2.3"),
        # A dot at the end makes another name of it.
        ("http://localhost.", "localhost."),
        ("http://hub.local.", "hub.local."),
        ("http://.local", ".local"),
        # Users, paths and the like, of which no origin consists.
        ("http://10.0.0.5@evil.example", "10.0.0.5"),
        ("http://evil.example@10.0.0.5", "10.0.0.5"),
        ("http://10.0.0.5#@evil.example", "10.0.0.5"),
        ("http://10.0.0.5/evil", "10.0.0.5"),
        ("http://10.0.0.5\\@evil.example", "10.0.0.5"),
        ("http://10.0.0.5\n", "10.0.0.5"),
        ("http://10.0.0.5 http://evil.example", "10.0.0.5"),
        ("http://10.0.0.5:", "10.0.0.5:"),
        ("http://l\u043ecalhost", "localhost"),
        ("chrome-extension://localhost", "localhost"),
        # What is compared with cannot be told.
        ("http://10.0.0.5", ""),
        ("http://10.0.0.5", "10.0.0.5, evil.example"),
    ],
)
def test_any_other_origin_may_be_a_web_page_s(origin: str, host: str) -> None:
    assert not UNLISTED.admits(origin, host)


def is_beyond_strangers(host: str) -> bool:
    """Tell it independently: by labels, and by what the standard library takes for an address."""
    if host.startswith("["):
        return True
    labels = host.lower().split(".")
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return all(labels) and (len(labels) == 1 or labels[-1] == "local")
    return True


LABELS = st.sampled_from(["a", "local", "localhost", "LOCAL", "example", "10", "0", "evil-1", ""])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
ADDRESSES = st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map(lambda a: f"[{a}]")
HOSTS = st.one_of(NAMES, ADDRESSES)
PORTS = st.sampled_from(["", ":80", ":3100", ":", ":x", ":3100:3100"])
BEFORE = st.sampled_from(
    ["http://", "https://", "ws://", "HTTP://", "//", "", "http://u@", "ftp://"]
)
AFTER = st.sampled_from(["", "", "/", "/x", "@evil.example", "#", "?", "\\", ".", " ", "\n"])


@given(parts=st.tuples(BEFORE, HOSTS, PORTS, AFTER), other=HOSTS, port=PORTS, is_same=st.booleans())
def test_whatever_is_let_in_has_the_host_asked_for_and_no_stranger_has_that_name(
    parts: tuple[str, str, str, str], other: str, port: str, *, is_same: bool
) -> None:
    host = parts[1] if is_same else other
    if UNLISTED.admits("".join(parts), host + port):
        assert parts[1].lower() == host.lower()
        assert is_beyond_strangers(host)
        assert parts[0].lower() in {"http://", "https://", "ws://"}
        assert parts[3] in {"", "/"}
        assert parts[2] == port or "" in (parts[2], port)


@given(HOSTS.filter(is_beyond_strangers), st.sampled_from(["", ":80", ":3100"]))
def test_a_device_that_sends_the_address_of_its_hub_is_let_in(host: str, port: str) -> None:
    assert UNLISTED.admits(f"http://{host}{port}", host.upper() + port)


@pytest.mark.parametrize(
    ("variables", "admitted"),
    [
        ({}, True),
        ({"file_origin": False}, False),
        ({"file_origin": False, "device_auth": "optional", "credential_key": "k" * 32}, False),
        ({"file_origin": False, "device_auth": "required", "credential_key": "k" * 32}, True),
    ],
)
def test_where_devices_are_open_a_setting_decides_on_files(
    variables: dict[str, object], *, admitted: bool
) -> None:
    rule = OriginRule.of(GatewaySettings.model_validate(variables))
    assert rule.admits("file://", "10.0.0.5:3100") is admitted


def test_the_hub_s_own_names_are_a_setting_in_any_case() -> None:
    rule = OriginRule.of(GatewaySettings.model_validate({"allowed_hosts": ["Hub.Example.org"]}))
    assert rule.admits("http://hub.example.ORG:3100", "HUB.example.org:3100")
    assert not rule.admits("http://hub.example.org", "10.0.0.5:3100")
