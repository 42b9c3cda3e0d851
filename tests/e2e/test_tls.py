"""TLS from end to end: devices, operators and Redis, with the programs that people use."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from shared.contract.devices import Kind
from tests.fixtures.certificates import Ca, Pair
from tests.fixtures.hub import HOST, Gateway, Hub, StartHub
from tests.fixtures.raw_frames import handshake
from tests.fixtures.redis_at import is_cluster_wanted, url_at
from tests.fixtures.tls_front import tls_in_front_of
from tests.integration.hub.booth import CHARGED, SOON, reading, received

NAME = "localhost"
RELOADED_SECONDS = 10.0
"""After which changed files are in use (docs/security.md)."""
BAD_CERTIFICATE = 60
"""curl's exit code (https://curl.se/docs/manpage.html#EXIT)."""


class Secured(NamedTuple):
    """A hub with TLS: the first gateway asks for no certificate, the second for everybody's."""

    hub: Hub
    ca: Ca
    revoked: Pair
    """A certificate of c1234 that was revoked before the hub was started."""

    @property
    def open(self) -> Gateway:
        return self.hub.gateways[0]

    @property
    def strict(self) -> Gateway:
        return self.hub.gateways[1]

    def connect(self, url: str, presented: Pair | None = None) -> connect:
        return connect(url, ssl=self.ca.client(presented), server_hostname=NAME)


@pytest.fixture
async def secured(hub: StartHub, tmp_path: Path, redis_url: str) -> AsyncIterator[Secured]:
    if is_cluster_wanted():
        pytest.skip("what stands in front of Redis here knows one server")
    ca = Ca(tmp_path / "ca")
    own = ca.server(NAME, HOST)
    revoked = ca.device(Kind.CHARGER, "c1234", file="revoked")
    ca.revoke(revoked)
    async with tls_in_front_of(redis_url, ca) as port:
        running = await hub(
            redis_url=url_at(redis_url, port, NAME).replace("redis:", "rediss:"),
            settings={
                "SSL_CERT_FILE": ca.certificate,
                "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": own.certificate,
                "CHARGELIGHT_GATEWAY_TLS_KEY": own.key,
                "CHARGELIGHT_REGISTRY_TLS_CERTIFICATE": own.certificate,
                "CHARGELIGHT_REGISTRY_TLS_KEY": own.key,
                "CHARGELIGHT_REDIS_TLS_CA": ca.certificate,
                "CHARGELIGHT_REDIS_TLS_CERTIFICATE": own.certificate,
                "CHARGELIGHT_REDIS_TLS_KEY": own.key,
            },
        )
        strict = running.start_gateway(
            {
                "CHARGELIGHT_DEVICE_AUTH": "certificate",
                "CHARGELIGHT_GATEWAY_CHARGER_CA": ca.certificate,
                "CHARGELIGHT_GATEWAY_WIDGET_CA": ca.certificate,
                "CHARGELIGHT_GATEWAY_REVOKED": ca.revoked,
            }
        )
        await strict.process.ready()
        await running.register(("c1234", "wABCD"))
        yield Secured(running, ca, revoked)
        await running.close()  # before what it reaches Redis by


async def test_tls_is_on_every_link_and_who_does_not_fit_is_refused(secured: Secured) -> None:
    # One test, because a hub takes seconds to start.
    await _readings_and_lights_travel(secured)
    await _operators_check_the_hub(secured)
    await _devices_are_let_in_or_refused(secured)
    await _certificates_change_under_connections(secured)


async def _readings_and_lights_travel(secured: Secured) -> None:
    ca = secured.ca
    charger, widget = ca.device(Kind.CHARGER, "c1234"), ca.device(Kind.WIDGET, "wABCD")
    async with (
        secured.connect(secured.open.charger_url("c1234")) as sender,
        secured.connect(secured.strict.widget_url("wABCD"), widget) as light,
    ):
        await sender.send(reading(100))
        assert await received(light) == CHARGED
    for wrong in (
        ca.device(Kind.CHARGER, "c5678"),
        ca.device(Kind.WIDGET, "c1234"),
        ca.named("c1234"),
    ):
        with pytest.raises(InvalidStatus, match="401"):
            await secured.connect(secured.strict.charger_url("c1234"), wrong)
    async with secured.connect(secured.strict.charger_url("c1234"), charger) as sender:
        await sender.send(reading(100))


async def _operators_check_the_hub(secured: Secured) -> None:
    ca, rest = secured.ca, secured.hub.registries[0].port
    trusting = ("curl", "--silent", "--fail", "--cacert", ca.certificate)
    url = f"https://{NAME}:{rest}/chargers"
    assert await _run(*trusting, url) == 0
    assert await _run("curl", "--silent", url) == BAD_CERTIFICATE
    other = f"other.invalid:{rest}"
    wrong_name = ("--resolve", f"{other}:{HOST}", f"https://{other}/chargers")
    assert await _run(*trusting, *wrong_name) == BAD_CERTIFICATE


async def _devices_are_let_in_or_refused(secured: Secured) -> None:
    ca, rest = secured.ca, secured.hub.registries[0].port
    for port in (rest, secured.open.charger_port, secured.open.widget_port):
        assert not await _openssl(ca, port, None, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        assert not await _curl(
            ca, port, None, "--tlsv1.0", "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0"
        )
        for version in ("-tls1_2", "-tls1_3"):
            assert (await _openssl(ca, port, None, version)).startswith(b"HTTP/1.1"), version
    # Each of the two, at both ports: it was their version, and not something of their own.
    assert await _refused_for_their_version(secured.open) == 4
    stranger = Ca(Path(ca.certificate).parent / "stranger")
    presented = {
        "its own": (ca.device(Kind.CHARGER, "c1234"), b"HTTP/1.1 101 Switching Protocols"),
        "another charger's": (ca.device(Kind.CHARGER, "c5678"), b"HTTP/1.1 401 Unauthorized"),
        "a widget's": (ca.device(Kind.WIDGET, "c1234"), b"HTTP/1.1 401 Unauthorized"),
        "expired": (ca.device(Kind.CHARGER, "c9999", ended=True), b""),
        "revoked": (secured.revoked, b""),
        "a stranger's": (stranger.device(Kind.CHARGER, "c1234"), b""),
        "none": (None, b""),
    }
    for client in (_openssl, _curl):
        for what, (pair, answer) in presented.items():
            assert await client(ca, secured.strict.charger_port, pair) == answer, what


async def _certificates_change_under_connections(secured: Secured) -> None:
    """500 connections stay through a new certificate; the one whose own is revoked does not."""
    ca, hub = secured.ca, secured.hub
    ids = [f"w{number}" for number in range(500)]
    await hub.register_many((f"c{number}", widget) for number, widget in enumerate(ids))
    ports = (secured.open.charger_port, secured.strict.widget_port, hub.registries[0].port)
    own = ca.device(Kind.CHARGER, "c1234")
    async with AsyncExitStack() as stack:
        widgets = [
            await stack.enter_async_context(secured.connect(secured.open.widget_url(each)))
            for each in ids
        ]
        leaked = await stack.enter_async_context(
            secured.connect(secured.strict.charger_url("c1234"), own)
        )
        former = [await _serial_at(secured, port) for port in ports]
        ca.server(NAME, HOST)
        ca.revoke(own)
        async with asyncio.timeout(2 * RELOADED_SECONDS):
            for port, serial in zip(ports, former, strict=True):
                while await _serial_at(secured, port) == serial:  # noqa: ASYNC110 - a port tells nothing
                    await asyncio.sleep(0.1)
            await leaked.wait_closed()
        assert leaked.close_code == 1008
        async with asyncio.timeout(SOON):
            for pong in [await widget.ping() for widget in widgets]:
                await pong


async def _refused_for_their_version(gateway: Gateway) -> float:
    async with httpx.AsyncClient(trust_env=False) as client:
        told = await client.get(f"http://{HOST}:{gateway.health_port}/metrics")
    counted = re.search(r'entrances_failed_total\{reason="tls_version"\} (\S+)', told.text)
    return float(counted[1]) if counted else 0.0


async def _serial_at(secured: Secured, port: int) -> str:
    """Return the number of the certificate that a port shows now."""
    context = secured.ca.client(secured.ca.device(Kind.CHARGER, "c4321"))
    _, writer = await asyncio.open_connection(HOST, port, ssl=context, server_hostname=NAME)
    shown = writer.get_extra_info("ssl_object").getpeercert()
    writer.close()
    return str(shown["serialNumber"])


async def _run(*command: str) -> int:
    running = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, env={"PATH": os.environ["PATH"]}
    )
    return await running.wait()


async def _openssl(ca: Ca, port: int, pair: Pair | None, *options: str) -> bytes:
    """Shake hands with a port as c1234; return the first line of the answer, if there is one."""
    own = ("-cert", pair.certificate, "-key", pair.key) if pair else ()
    return await _first_line(
        *("openssl", "s_client", "-quiet", "-connect", f"{HOST}:{port}", "-CAfile", ca.certificate),
        *("-verify_return_error", "-verify_hostname", NAME, *own, *options),
        sent=handshake("/chargers/c1234"),
    )


async def _curl(ca: Ca, port: int, pair: Pair | None, *options: str) -> bytes:
    """Do the same with curl."""
    own = ("--cert", pair.certificate, "--key", pair.key) if pair else ()
    head = handshake("/chargers/c1234").decode().splitlines()[2:-1]
    headers = [word for line in head for word in ("--header", line)]
    return await _first_line(
        *("curl", "--silent", "--dump-header", "-", "--http1.1", "--cacert", ca.certificate),
        *(*headers, *own, *options, f"https://{NAME}:{port}/chargers/c1234"),
    )


async def _first_line(*command: str, sent: bytes = b"") -> bytes:
    running = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(sent)
    async with asyncio.timeout(SOON):
        line = await running.stdout.readline()
    with contextlib.suppress(ProcessLookupError):
        running.kill()
    await running.wait()
    return line.strip()
