"""Which addresses a webhook may be sent to."""

import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import pytest

from services.registry.notify.sending.addresses import (
    PrivateAddressError,
    address_for,
    is_public,
)

PRIVATE = [
    *("127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255"),  # noqa: S104 - none is listened on
    *("192.168.1.1", "100.64.0.1", "169.254.169.254", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
    *("240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1"),
    *("fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254"),
    *("::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1"),
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_only_some_machines_reach_is_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


def resolve_to(monkeypatch: pytest.MonkeyPatch, addresses: Sequence[str]) -> list[str]:
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        assert threading.current_thread().name.startswith("lookups"), "not in the loop's threads"
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.fixture
def lookups() -> Iterator[Executor]:
    with ThreadPoolExecutor(1, "lookups") as executor:
        yield executor


async def test_the_address_that_was_checked_is_the_one_that_is_used(
    monkeypatch: pytest.MonkeyPatch, lookups: Executor
) -> None:
    asked = resolve_to(monkeypatch, ["10.0.0.1", "8.8.8.8"])
    assert await address_for("example.org", 443, lookups, allow_private=False) == "8.8.8.8"
    assert asked == ["example.org"], "and it is looked up once"


async def test_a_name_for_a_private_address_is_refused_unless_a_setting_allows_it(
    monkeypatch: pytest.MonkeyPatch, lookups: Executor
) -> None:
    resolve_to(monkeypatch, ["10.0.0.1", "::1"])
    with pytest.raises(PrivateAddressError, match="CHARGELIGHT_REGISTRY_WEBHOOKS_PRIVATE=true"):
        await address_for("rebound.example.org", 80, lookups, allow_private=False)
    assert await address_for("rebound.example.org", 80, lookups, allow_private=True) == "10.0.0.1"
