"""The load balancer's own configuration in a real HAProxy, with TLS on all its ports."""

import asyncio
import os
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.e2e.compose_stack import why_not
from tests.fixtures.certificates import Ca
from tests.fixtures.hub import HOST, Hub, StartHub
from tests.fixtures.processes import ROOT
from tests.integration.hub.booth import SOON, close_code
from tools.servers.ports import free_port
from tools.servers.processes.supervised_process import SupervisedProcess

CONFIGURATION = ROOT / "deploy/haproxy/haproxy.cfg"

IMAGE = os.environ.get("CHARGELIGHT_COMPOSE_HAPROXY_IMAGE") or "haproxy:2.6-bookworm"
PORTS = (3100, 3200, 3300, 8404)


@pytest.fixture(scope="module", autouse=True)
def haproxy_can_run() -> None:
    reason = None if shutil.which("haproxy") else why_not()
    if reason:
        pytest.skip(f"no haproxy on the PATH, and {reason}")


def program(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return how HAProxy is called: as installed here, or in Compose's image."""
    if installed := shutil.which("haproxy"):
        return [installed]
    return [
        *("docker", "run", "--rm", "--network=host", f"--user={os.getuid()}:{os.getgid()}"),
        f"--volume={folder}:{folder}:ro",
        *(f"--env={name}" for name in environment),
        *(IMAGE, "haproxy"),
    ]


def configuration(hub: Hub, ports: Mapping[int, int]) -> str:
    """Return it for a hub on this machine: no names of containers, other ports, fewer files."""
    (gateway,), (registry,) = hub.gateways, hub.registries
    own = {
        "server-template gw- 1-10 gateway:3100": f"server gw {HOST}:{gateway.charger_port}",
        "server-template gw- 1-10 gateway:3200": f"server gw {HOST}:{gateway.widget_port}",
        "server-template reg- 1-4 registry:3300": f"server reg {HOST}:{registry.port}",
        "check port 3101": f"check port {gateway.health_port}",
        "check port 3103": f"check port {registry.health_port}",
        " init-addr none resolvers docker resolve-prefer ipv4": "",
        "maxconn 9800": "maxconn 400",
        "maxconn 4700": "maxconn 180",
        "maxconn 300": "maxconn 30",
        "maxconn 50": "maxconn 10",
        'bind "${REST_ADDRESS}:3300"': f"bind {HOST}:{ports[3300]}",
        "ipv4@127.0.0.1:9999": f"ipv4@{HOST}:{free_port()}",
        **{f"bind :{usual}": f"bind {HOST}:{ports[usual]}" for usual in (3100, 3200, 8404)},
    }
    text = CONFIGURATION.read_text()
    for usual, here in own.items():
        assert usual in text
        text = text.replace(usual, here)
    return re.sub(r"(?ms)^resolvers docker.*?\n\n", "", text)


@contextmanager
def balancing(text: str, folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run HAProxy."""
    path = folder / "haproxy.cfg"
    path.write_text(text)
    own = {"HARD_STOP_AFTER": "1s", **environment}
    process = SupervisedProcess(
        [*program(folder, own), "-f", str(path)],
        log=folder / "haproxy.log",
        env={**os.environ, **own},
        cwd=folder,
        end_signal=signal.SIGTERM,  # the container ends with it, too
    )
    try:
        yield
    finally:
        process.end(signal.SIGTERM)


async def test_devices_keep_their_tls_and_their_address_and_operators_get_theirs(
    hub: StartHub, tmp_path: Path
) -> None:
    ca = Ca(tmp_path / "ca")
    own = ca.server("localhost", "registry")
    running = await hub(
        settings={
            "SSL_CERT_FILE": ca.certificate,
            "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": own.certificate,
            "CHARGELIGHT_GATEWAY_TLS_KEY": own.key,
            "CHARGELIGHT_REGISTRY_TLS_CERTIFICATE": own.certificate,
            "CHARGELIGHT_REGISTRY_TLS_KEY": own.key,
            "CHARGELIGHT_GATEWAY_PROXIES": f'["{HOST}/32"]',
            "CHARGELIGHT_REGISTRY_PROXIES": f'["{HOST}/32"]',
        },
    )
    ports = {usual: free_port() for usual in PORTS}
    settings = {"SEND_PROXY": "yes", "CERTIFICATE": own.certificate, "CA": ca.certificate}
    with balancing(configuration(running, ports), tmp_path, settings):
        async with httpx.AsyncClient(verify=ca.client(), trust_env=False) as rest:
            await _answers(rest, f"http://{HOST}:{ports[8404]}/readyz")
            await _answers(rest, f"https://localhost:{ports[3300]}/chargers")
            async with connect(
                f"wss://localhost:{ports[3100]}/chargers/c-nobody",
                ssl=ca.client(),
                local_addr=("127.0.0.7", 0),
            ) as stranger:
                assert await close_code(stranger) == 4404
            refused = f"https://localhost:{ports[3300]}/refused"
            (item,) = await _answers(rest, refused, lambda answer: answer.json()["items"])
            assert (item["id"], item["address"]) == ("c-nobody", "127.0.0.7")
            # By turns: HAProxy must not pass one's request on in another one's connection.
            operators = ["127.0.0.8", "127.0.0.9", "127.0.0.8"]
            for number, address in enumerate(operators):
                transport = httpx.AsyncHTTPTransport(verify=ca.client(), local_address=address)
                async with httpx.AsyncClient(transport=transport) as operator:
                    rest_url = f"https://localhost:{ports[3300]}"
                    made = await operator.put(f"{rest_url}/chargers/c{number}")
                    assert made.status_code == 201
            entries = (await rest.get(f"{rest_url}/audit")).json()["items"]
            assert [each["address"] for each in entries][::-1] == operators


async def test_no_request_is_passed_on_to_who_is_not_the_registry(
    hub: StartHub, tmp_path: Path
) -> None:
    ca = Ca(tmp_path / "ca")
    own, other = ca.server("localhost", "registry"), ca.server("localhost", file="other")
    running = await hub(
        settings={
            "SSL_CERT_FILE": ca.certificate,
            "CHARGELIGHT_REGISTRY_TLS_CERTIFICATE": other.certificate,
            "CHARGELIGHT_REGISTRY_TLS_KEY": other.key,
        },
    )
    ports = {usual: free_port() for usual in PORTS}
    settings = {"CERTIFICATE": own.certificate, "CA": ca.certificate}
    with balancing(configuration(running, ports), tmp_path, settings):
        async with httpx.AsyncClient(verify=ca.client(), trust_env=False) as rest:
            await _answers(rest, f"http://{HOST}:{ports[8404]}/readyz")
            answer = await rest.get(f"https://localhost:{ports[3300]}/chargers", timeout=SOON)
    assert answer.status_code == 503
    assert "registry-away" in answer.text


async def test_no_request_is_lost_to_a_registry_that_ends_idle_connections(
    hub: StartHub, tmp_path: Path
) -> None:
    running = await hub()
    ports = {usual: free_port() for usual in PORTS}
    async with await asyncio.start_server(_answer_once, HOST, 0) as registry:
        port = registry.sockets[0].getsockname()[1]
        real = f"server reg {HOST}:{running.registries[0].port}"
        text = configuration(running, ports).replace(real, f"server reg {HOST}:{port}")
        with balancing(text, tmp_path, {"REST_ADDRESS": HOST}):
            async with httpx.AsyncClient(trust_env=False, timeout=SOON) as rest:
                await _answers(rest, f"http://{HOST}:{ports[8404]}/readyz")
                url = f"http://{HOST}:{ports[3300]}/chargers/c1"
                assert [(await rest.put(url)).status_code for _ in range(3)] == [200] * 3


async def _answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End the connection when a second request comes, as if it had just been idle for too long."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.read(1)
    writer.transport.abort()


async def test_widgets_that_take_all_they_can_leave_operators_and_health_checks_theirs(
    hub: StartHub, tmp_path: Path
) -> None:
    # Longer than is waited here: else the gateway would end those that say nothing before.
    running = await hub(settings={"CHARGELIGHT_GATEWAY_HANDSHAKE_SECONDS": f"{6 * SOON}"})
    ports = {usual: free_port() for usual in PORTS}
    settings = {"REST_ADDRESS": HOST}
    with balancing(configuration(running, ports), tmp_path, settings):
        # Each request on a connection of its own.
        alone = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(trust_env=False, timeout=SOON, limits=alone) as rest:
            health = f"http://{HOST}:{ports[8404]}/readyz"
            await _answers(rest, health)
            # More than the whole balancer may take.
            taken = [_knock(ports[3200]) for _ in range(450)]
            await _no_more_are_taken(rest, f"http://{HOST}:{ports[8404]}/metrics")
            await _answers(rest, f"http://{HOST}:{ports[3300]}/chargers")
            await _answers(rest, health)
            async with connect(f"ws://{HOST}:{ports[3100]}/chargers/c-nobody") as stranger:
                assert await close_code(stranger) == 4404
            for each in taken:
                each.close()


def _knock(port: int) -> socket.socket:
    """Begin to connect, and wait for nothing: beyond its backlog HAProxy does not answer."""
    knocking = socket.socket()
    knocking.settimeout(0)
    knocking.connect_ex((HOST, port))
    return knocking


async def _no_more_are_taken(rest: httpx.AsyncClient, url: str) -> None:
    """Wait until the balancer has as many connections of widgets as it takes."""
    seen: list[float] = []

    def has_settled(answer: httpx.Response) -> bool:
        found = re.search(r'frontend_current_sessions\{proxy="widgets"\} (\S+)', answer.text)
        assert found is not None
        seen.append(float(found[1]))
        return len(seen) > 3 and len({*seen[-3:]}) == 1 and seen[-1] > 0

    await _answers(rest, url, has_settled)


async def _answers(
    rest: httpx.AsyncClient, url: str, wanted: Callable[[httpx.Response], Any] = lambda _: True
) -> Any:
    """Return what is wanted of an answer, once there is one."""
    async with asyncio.timeout(SOON):
        while True:
            with suppress(httpx.TransportError):
                answer = await rest.get(url)
                if answer.is_success and (found := wanted(answer)):
                    return found
            await asyncio.sleep(0.05)
