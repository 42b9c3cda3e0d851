"""A gateway of several processes is one gateway: ports, health, metrics, and how it ends."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures import secured
from tests.fixtures.children import children_of, is_running, send_signal
from tests.fixtures.hub import Gateway, Hub, StartHub, connect_device
from tests.fixtures.processes import ROOT, health_url, service_command
from tests.fixtures.redis_at import settings_for, url_of
from tests.integration.hub.booth import CHARGED, SCHEME, SOON, Stored, close_code, reading, received
from tools.servers.ports import free_port

pytestmark = pytest.mark.skipif(
    sys.platform != "linux",
    reason="only Linux spreads connections over processes that share a port",
)

WORKERS = {"CHARGELIGHT_GATEWAY_WORKERS": "2", "CHARGELIGHT_INSTANCE_ID": "gw"}


async def until(condition: Callable[[], bool]) -> None:
    """Return once a condition holds; a liveness bound of `SOON`."""
    async with asyncio.timeout(SOON):
        while not condition():  # noqa: ASYNC110 - asked of other processes
            await asyncio.sleep(0.02)


async def asked(gateway: Gateway, path: str) -> tuple[int, str]:
    async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
        response = await client.get(f"http://127.0.0.1:{gateway.health_port}{path}")
    return response.status_code, response.text


async def until_said(gateway: Gateway, path: str, status: int, text: str) -> None:
    async with asyncio.timeout(2 * SOON):
        while (await asked(gateway, path)) != (status, text):  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.02)


async def series(gateway: Gateway, name: str) -> dict[tuple[str, str], float]:
    """The values of a metric by worker and kind; fails unless Prometheus could read it all."""
    status, text = await asked(gateway, "/metrics")
    assert status == 200
    found: dict[tuple[str, str], float] = {}
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in seen
            seen.add(key)
            if sample.name == name:
                labels = sample.labels
                found[labels.get("worker", ""), labels.get("kind", "")] = sample.value
    helped = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(helped) == len(set(helped))
    return found


@pytest.fixture
async def running(hub: StartHub) -> Hub:
    started = await hub(gateways=0)
    started.start_gateway(WORKERS)
    await started.ready()
    return started


async def gateways_of(stored: Stored, charger: str, widget: str) -> tuple[str, str]:
    """On which workers the two are."""
    names = stored.names
    async with asyncio.timeout(SOON):
        while True:
            here = await stored.client.hget(names.of_charger(charger).presence, charger)
            there = await stored.client.hget(names.of_widget(widget).presence, widget)
            if here and there and (on := list(json.loads(there)["gateways"])):
                return str(json.loads(here)["gateway"]), str(on[0])
            await asyncio.sleep(0.02)


async def test_a_light_comes_from_a_charger_of_one_worker_to_a_widget_of_another(
    running: Hub, stored: Stored
) -> None:
    (gateway,) = running.gateways
    places: set[tuple[str, str]] = set()
    async with contextlib.AsyncExitStack() as stack:
        # Which worker gets which connection is the kernel's choice.
        for number in range(60):
            charger_id, widget_id = f"c{number}", f"w{number}"
            await running.register((charger_id, widget_id))
            widget = await stack.enter_async_context(connect_device(gateway.widget_url(widget_id)))
            charger = await stack.enter_async_context(
                connect_device(gateway.charger_url(charger_id))
            )
            await charger.send(reading(100))
            assert await received(widget) == CHARGED
            places.add(await gateways_of(stored, charger_id, widget_id))
            if places >= {("gw-1", "gw-2"), ("gw-2", "gw-1")}:
                break
        assert places >= {("gw-1", "gw-2"), ("gw-2", "gw-1")}
        connections = await series(gateway, "chargelight_connections")
    assert sum(connections.values()) == 2 * (number + 1)
    assert {worker for (worker, _), count in connections.items() if count} == {"1", "2"}
    assert await series(gateway, "chargelight_workers_running") == {("", ""): 2}


async def test_sigterm_drains_all_workers_and_ends_them(running: Hub) -> None:
    (gateway,) = running.gateways
    workers = children_of(gateway.process.pid)
    assert len(workers) == 2
    async with contextlib.AsyncExitStack() as stack:
        widgets = []
        for number in range(16):
            await running.register_widget(f"w{number}")
            widgets.append(
                await stack.enter_async_context(connect_device(gateway.widget_url(f"w{number}")))
            )
        ending = asyncio.create_task(gateway.process.terminate())
        assert {await close_code(widget) for widget in widgets} == {1001}
        assert await ending == 0
    assert not any(map(is_running, workers))


async def test_a_gateway_with_one_worker_has_no_other_process(hub: StartHub) -> None:
    started = await hub(gateways=0, routers=0, registries=1)
    gateway = started.start_gateway({"CHARGELIGHT_GATEWAY_WORKERS": "1"})
    await gateway.process.ready()
    assert children_of(gateway.process.pid) == []
    assert "services.gateway.worker_process" not in gateway.process.log_text()


async def test_one_worker_that_hangs_is_named_and_keeps_new_devices_away(running: Hub) -> None:
    (gateway,) = running.gateways
    first = next(pid for pid in children_of(gateway.process.pid) if _instance(pid) == "gw-1")
    send_signal(first, signal.SIGSTOP)
    try:
        said = "no: does not answer (worker 1 of 2)\n"
        await until_said(gateway, "/readyz", 503, said)
        await until_said(gateway, "/accepting", 503, said)
        assert (await asked(gateway, "/healthz"))[0] == 200
        # What the other one counts is still shown.
        assert {w for w, _ in await series(gateway, "chargelight_connections")} == {"2"}
    finally:
        send_signal(first, signal.SIGCONT)
    await until_said(gateway, "/readyz", 200, "ok\n")
    await until_said(gateway, "/accepting", 200, "ok\n")


async def test_a_worker_that_ends_again_and_again_ends_the_gateway(running: Hub) -> None:
    (gateway,) = running.gateways
    process = gateway.process
    other = next(pid for pid in children_of(process.pid) if _instance(pid) == "gw-2")
    killed: set[int] = set()
    for _ in range(5):
        victim = await _first(process.pid, besides=killed)
        killed.add(victim)
        send_signal(victim, signal.SIGKILL)
    # It tells whoever restarts it, once the other one has drained.
    assert await process.wait() == 1
    lines = [json.loads(line) for line in process.log_text().splitlines()]
    assert "worker 1 ended 5 times within 60 s" in process.log_text()
    assert not is_running(other)
    ends = [line["instance_id"] for line in lines if line["event"].startswith("stopped")]
    assert ends == ["gw-2", "gw"]
    process.kill()  # its end was expected


async def test_wrong_settings_end_it_as_they_end_a_single_process(
    hub: StartHub, stored: Stored
) -> None:
    started = await hub(gateways=0, routers=0)
    await stored.client.hset("chargelight:agreements", "CHARGELIGHT_PARTITIONS", "32")
    gateway = started.start_gateway(WORKERS)
    assert await gateway.process.wait() == 2
    assert "CHARGELIGHT_PARTITIONS is '64' here, but '32'" in gateway.process.log_text()
    gateway.process.kill()
    await stored.client.hset("chargelight:agreements", "CHARGELIGHT_PARTITIONS", "64")


async def test_a_port_that_is_taken_is_refused(running: Hub) -> None:
    # By another gateway of several processes, too: sharing with it would go unnoticed.
    (gateway,) = running.gateways
    second = running.start_gateway(
        WORKERS | {"CHARGELIGHT_GATEWAY_CHARGER_PORT": str(gateway.charger_port)}
    )
    assert await second.process.wait() == 2
    assert "address already in use" in second.process.log_text().lower()
    second.process.kill()


async def test_a_killed_parent_leaves_no_worker_and_its_ports_free(
    stored: Stored, redis_url: str, tmp_path: Path
) -> None:
    await stored.complete()
    await stored.pair("c1234", "wABCD", 7)
    ports = [free_port() for _ in range(3)]
    # Not the fixture's process: its guard would end the workers itself.
    parent = _started(
        redis_url,
        ports,
        tmp_path / "first.log",
        {"CHARGELIGHT_GATEWAY_LEAVE_SECONDS": "600"},  # nobody is told to go elsewhere any more
    )
    workers: list[int] = []
    try:
        await _ready(ports[2])
        workers = children_of(parent.pid)
        assert len(workers) == 2
        async with connect_device(f"{SCHEME}://127.0.0.1:{ports[1]}/widgets/wABCD") as widget:
            parent.kill()
            parent.wait()
            # Sent off as in any drain, and not cut.
            assert await close_code(widget) == 1001
        await until(lambda: not any(map(is_running, workers)))
        again = _started(redis_url, ports, tmp_path / "second.log")
        try:
            await _ready(ports[2])
            again.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(again.wait, SOON) == 0
        finally:
            again.kill()
            again.wait()
    finally:
        parent.kill()
        parent.wait()
        for pid in filter(is_running, workers):
            send_signal(pid, signal.SIGKILL)


def _started(
    redis_url: str, ports: list[int], log: Path, more: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    names = ("CHARGER_PORT", "WIDGET_PORT", "HEALTH_PORT")
    ours = {k: v for k, v in os.environ.items() if not k.upper().startswith("CHARGELIGHT_")}
    own: dict[str, Any] = {
        **settings_for(url_of("gateway", redis_url)),
        **secured.settings(),
        "CHARGELIGHT_GATEWAY_HOST": "127.0.0.1",
        "CHARGELIGHT_GATEWAY_DRAIN_SECONDS": "0.2",
        **{f"CHARGELIGHT_GATEWAY_{n}": str(port) for n, port in zip(names, ports, strict=True)},
        **WORKERS,
        **(more or {}),
    }
    with log.open("wb") as output:
        return subprocess.Popen(
            service_command("gateway"),
            env=ours | own,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _ready(port: int) -> None:
    async with asyncio.timeout(2 * SOON), httpx.AsyncClient(trust_env=False) as client:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(health_url(port))).status_code == 200:
                    return
            await asyncio.sleep(0.02)


def _instance(pid: int) -> str:
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    words = dict(entry.split(b"=", 1) for entry in environment if b"=" in entry)
    return words.get(b"CHARGELIGHT_INSTANCE_ID", b"").decode()


async def _first(parent: int, *, besides: set[int]) -> int:
    """The process id of the first worker, once there is another one than those."""
    async with asyncio.timeout(SOON):
        while True:
            for pid in children_of(parent):
                with contextlib.suppress(OSError):  # it has just ended
                    if pid not in besides and _instance(pid) == "gw-1":
                        return pid
            await asyncio.sleep(0.02)
