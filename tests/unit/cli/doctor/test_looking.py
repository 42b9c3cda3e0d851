"""What the doctor reads from a health port."""

import asyncio

import pytest

from services.cli.doctor.facts import Health
from services.cli.doctor.looking import Places, health_of, look_at_health
from tests.unit.cli.doctor.told_server import HOST, server
from tools.servers.ports import free_port

METRICS = """\
chargelight_build_info{service="gateway",version="0.1.0",worker="1"} 1.0
chargelight_build_info{service="gateway",version="0.1.0",worker="2"} 1.0
chargelight_unsafe_settings{worker="1"} 2.0
chargelight_certificate_days{setting="CHARGELIGHT_GATEWAY_REVOKED",worker="1"} 3.5
chargelight_tasks{worker="1"} 9.0
"""


def answer(body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


async def test_a_gateway_with_workers_says_what_it_is() -> None:
    async with server(answer(METRICS)) as number:
        url = f"http://{HOST}:{number}"
        assert await asyncio.to_thread(look_at_health, url) == Health(
            url,
            is_inside=True,
            answers=True,
            serves_strangers=True,
            service="gateway",
            version="0.1.0",
            unsafe_settings=2,
            certificate_days={"CHARGELIGHT_GATEWAY_REVOKED": 3.5},
        )


async def test_a_service_of_an_older_version_says_less() -> None:
    async with server(answer("", "421 Misdirected Request")) as number:
        url = f"http://{HOST}:{number}"
        seen = await asyncio.to_thread(look_at_health, url)
    assert seen == Health(url, is_inside=True, answers=True)


@pytest.mark.parametrize("said", ["<html>{", "chargelight_build_info{ 1"])
async def test_what_has_no_metrics_is_no_health_port(said: str) -> None:
    async with server(answer(said)) as number:
        url = f"http://{HOST}:{number}"
        assert await asyncio.to_thread(look_at_health, url) == Health(url, is_inside=True)


def test_of_a_usual_port_it_is_known_whose_it_is_and_of_a_named_one_not() -> None:
    # Names that nobody has (RFC 6761).
    usual = health_of("http://hub.invalid:3300", Places())
    assert [(each.url, each.usually) for each in usual] == [
        ("http://hub.invalid:3101", "gateway"),
        ("http://hub.invalid:3102", "router"),
        ("http://hub.invalid:3103", "registry"),
    ]
    named = health_of("http://hub.invalid:3300", Places(health=["http://hub.invalid:3102"]))
    assert [(each.url, each.usually) for each in named] == [("http://hub.invalid:3102", "")]


def test_where_nothing_answers_nothing_is_seen() -> None:
    url = f"http://{HOST}:{free_port()}"
    assert look_at_health(url) == Health(url, is_inside=True)
