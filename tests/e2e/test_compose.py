"""The stack of docker-compose.yml, with three gateways behind the load balancer, and monitored.

deploy/compose/monitoring.yml is on top, so that the two are brought up once. Without it are the
stacks of `test_compose_cluster` and `test_production`.
The stack is brought up once; each test finds all of it running and healthy,
whatever the test before has done to it.
"""

import asyncio
import contextlib
import itertools
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial

import httpx
import pytest
import yaml
from packaging.utils import canonicalize_name
from websockets.asyncio.client import connect

from services.simulator.fleet.pairs import Pair, numbered_pairs
from shared.contract.device_protocol import CloseCode
from shared.contract.names import Names
from tests.e2e.compose_booth import Booth, register
from tests.e2e.compose_stack import (
    ROOT,
    Stack,
    StackError,
    open_stack,
    run,
    wait_until,
)
from tests.e2e.confinement import PROBE, too_free
from tests.e2e.monitoring import images
from tests.e2e.monitoring.answers import Prometheus
from tests.fixtures import raw_frames
from tests.fixtures.dashboards import queries
from tests.fixtures.image_contents import imported_folders, installed
from tests.integration.hub.booth import CHARGED, CHARGING, CHARGING80, reading

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

GATEWAYS = 3
PAIRS = 9
MONITORING = "deploy/compose/monitoring.yml"
MONITORS = ("prometheus", "alertmanager", "redis-exporter", "postgres-exporter")
"""Without Grafana, which does not measure anything."""
HUB = ("redis", "postgres", "registry", "router", "gateway", "loadbalancer")
SERVICES = (*HUB, *MONITORS)
"""Without the demo and the canary, whose devices would blur what the tests count."""

OWN = ("gateway", "router", "registry")
PROGRAMS = ("seed", "cli")
"""Services with the images of the programs of the command line."""

COMPOSED = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
VOLUMES = {
    "postgres": "/var/lib/postgresql/data",
    "prometheus": "/prometheus",
    "alertmanager": "/alertmanager",
}


README_PAIRS = {"c1234": "wABCD", "c5678": "wEFGH"}

LIST_CONTENTS = """
import importlib.metadata, pathlib, platform
print(platform.python_version())
print(*(each.name for each in importlib.metadata.distributions()))
for folder in ("shared", "services"):
    print(*(path.parent.name for path in pathlib.Path(folder).glob("*/__init__.py")))
"""

FIND_PIP = ("find", "/", "-xdev", "-type", "d", "-path", "*-packages/pip")

RIGHT_AGAIN_SECONDS = 5.0
"""So long after a fault's end at the latest, every light is right."""

OpenBooth = Callable[[], AbstractAsyncContextManager[Booth]]

_numbers = itertools.count()


@pytest.fixture(scope="module")
def running_stack() -> Iterator[Stack]:
    built = (*OWN, "canary", *PROGRAMS)
    with open_stack(Stack(MONITORING), SERVICES, GATEWAYS, built, images.provide) as stack:
        yield stack


@pytest.fixture
def stack(running_stack: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    failed_before = request.session.testsfailed
    running_stack.up(SERVICES, GATEWAYS)
    yield running_stack
    if request.session.testsfailed > failed_before:
        print(running_stack.logs())  # noqa: T201 - pytest shows it with the failure


@pytest.fixture
def charger_url(stack: Stack) -> str:
    return f"ws://127.0.0.1:{stack.charger_port}"


@pytest.fixture
def widget_url(stack: Stack) -> str:
    return f"ws://127.0.0.1:{stack.widget_port}"


@pytest.fixture
async def pairs(stack: Stack) -> list[Pair]:
    found = numbered_pairs(f"test{next(_numbers)}", PAIRS)
    await register(f"http://127.0.0.1:{stack.registry_port}", found)
    return found


@pytest.fixture
def booth_open(pairs: list[Pair], charger_url: str, widget_url: str) -> OpenBooth:
    return partial(Booth.open, pairs, charger_url=charger_url, widget_url=widget_url)


def test_the_seed_registers_the_pairs_of_the_readme(stack: Stack) -> None:
    stack.start("seed")
    with httpx.Client(base_url=f"http://127.0.0.1:{stack.registry_port}", trust_env=False) as rest:

        def pairings() -> dict[str, str | None]:
            return {id_: rest.get(f"/pairings/{id_}").json().get("widget") for id_ in README_PAIRS}

        wait_until(lambda: pairings() == README_PAIRS, "the seed has registered them", pairings)


@pytest.mark.skipif(sys.platform != "linux", reason="the network's gateway is no address here")
def test_nobody_reaches_its_ports_at_another_address_of_this_machine(stack: Stack) -> None:
    (balancer,) = stack.running("loadbalancer")
    address = stack.gateway_address(balancer)
    for port in (stack.charger_port, stack.widget_port, stack.registry_port):
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=10)


def test_the_command_line_has_a_container_of_its_own(stack: Stack, pairs: list[Pair]) -> None:
    charger = pairs[0].charger
    said = stack.compose("run", "--rm", "-T", "cli", "explain", charger)
    assert f"charger {charger}" in said
    assert f"{charger} is offline, never seen" in said


@pytest.mark.skipif(sys.platform != "linux", reason="containers have no address on this host")
async def test_a_reading_at_one_gateway_lights_the_widget_at_another(
    stack: Stack, pairs: list[Pair]
) -> None:
    at_charger, at_widget, _ = stack.running("gateway")
    charger_url = f"ws://{stack.address(at_charger)}:3100/chargers/{pairs[0].charger}"
    widget_url = f"ws://{stack.address(at_widget)}:3200/widgets/{pairs[0].widget}"
    async with (
        connect(widget_url, proxy=None) as widget,
        connect(charger_url, proxy=None) as charger,
    ):
        for level, expected in (
            (0, CHARGING),
            (79.9, CHARGING),
            (80, CHARGING80),
            (99.9, CHARGING80),
            (100, CHARGED),
            (70, CHARGING),
        ):
            await charger.send(reading(level))
            assert await asyncio.wait_for(widget.recv(), 5) == expected


async def test_the_load_balancer_spreads_devices_over_all_gateways(
    stack: Stack, booth_open: OpenBooth
) -> None:
    async with booth_open():
        for kind in ("charger", "widget"):
            sample = f'chargelight_connections{{kind="{kind}"}}'
            held = [stack.metric(gateway, sample) for gateway in stack.running("gateway")]
            assert sum(held) == PAIRS
            assert min(held) > 0


async def test_a_reading_in_the_packet_of_the_handshake_passes_the_load_balancer(
    stack: Stack, pairs: list[Pair], widget_url: str
) -> None:
    packet = raw_frames.handshake(f"/chargers/{pairs[0].charger}") + raw_frames.reading(80)
    status = None
    async with (
        asyncio.timeout(30),
        connect(f"{widget_url}/devices/{pairs[0].widget}", proxy=None) as widget,
    ):
        while status is None:
            with socket.create_connection(("127.0.0.1", stack.charger_port)) as charger:
                charger.send(packet)
                # While the pairing is younger than 10 s, it is asked for again (1001).
                with contextlib.suppress(TimeoutError):
                    status = await asyncio.wait_for(widget.recv(), 4)
    assert status == CHARGING80


async def test_lights_are_right_5_s_after_a_gateway_was_killed_amid_readings(
    stack: Stack, booth_open: OpenBooth
) -> None:
    async with booth_open() as booth:
        victim = stack.running("gateway")[0]
        async with booth.readings_flow():
            await asyncio.to_thread(run, "docker", "kill", victim)
            killed_at = asyncio.get_running_loop().time()
        expected = await booth.report_anew()
        await booth.lights_become(expected, by=killed_at + RIGHT_AGAIN_SECONDS)
        assert booth.disconnections
        assert stack.inspect(victim)["State"]["ExitCode"] == 137


async def test_devices_come_back_by_themselves_when_gateways_go_and_come(
    stack: Stack, booth_open: OpenBooth
) -> None:
    async with booth_open() as booth:
        now = asyncio.get_running_loop().time
        for gateways in (1, GATEWAYS):
            async with booth.readings_flow():
                await asyncio.to_thread(stack.up, SERVICES, gateways)
            scaled_at = now()
            expected = await booth.report_anew()
            await booth.lights_become(expected, by=scaled_at + RIGHT_AGAIN_SECONDS)
            await booth.all_connected()
        # Scaling down is a drain: every device that had to leave was told.
        assert booth.close_codes() == {CloseCode.GOING_AWAY}


async def test_lights_are_right_5_s_after_redis_came_back_empty(
    stack: Stack, booth_open: OpenBooth
) -> None:
    async with booth_open() as booth:
        before = await booth.report_anew()
        await booth.lights_become(before, by=asyncio.get_running_loop().time() + 5)
        (redis,) = stack.running("redis")
        async with booth.readings_flow():
            await asyncio.to_thread(run, "docker", "kill", redis)
            await asyncio.to_thread(run, "docker", "start", redis)
            wait = partial(wait_until, lambda: "PONG" in _ping(redis), "Redis answers")
            await asyncio.to_thread(wait)
            back_at = asyncio.get_running_loop().time()
        expected = await booth.report_anew()
        await booth.lights_become(expected, by=back_at + RIGHT_AGAIN_SECONDS)
        # The load balancer takes no gateway that waits for Redis for a dead one.
        assert booth.disconnections == []


def test_images_hold_only_what_their_service_imports(stack: Stack) -> None:
    for service in (*OWN, "cli", "simulator"):
        held = stack.run_image(service, "python", "-c", LIST_CONTENTS)
        python, *lines = held.splitlines()
        distributions, shared, services = (set(line.split()) for line in lines)
        assert {canonicalize_name(name) for name in distributions} == installed(service, python)
        assert shared == imported_folders(service)
        assert services == {service}
        # That of the base image too, which the environment does not show.
        assert stack.run_image(service, *FIND_PIP) == ""


def test_containers_are_confined_and_bounded_seen_from_inside(stack: Stack) -> None:
    for service in (*COMPOSED, *MONITORS, "postgres-monitor"):
        said = stack.inside(service, "sh", "-c", PROBE)
        volumes = [VOLUMES[service]] if service in VOLUMES else []
        assert (service, too_free(said, *volumes)) == (service, set())
    assert len(too_free(stack.run_image("gateway", "sh", "-c", PROBE))) == 9


def test_a_simulator_counts_as_healthy_while_it_has_a_connection(stack: Stack) -> None:
    _, *check = COMPOSED["demo"]["healthcheck"]["test"]
    run("docker", "exec", stack.running("gateway")[0], *check)
    with pytest.raises(StackError):
        stack.run_image("simulator", *check)


CONNECT = """
import concurrent.futures, socket, sys
def reached(place):
    host, port = place.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return None
    return place
with concurrent.futures.ThreadPoolExecutor(32) as threads:
    print(*filter(None, threads.map(reached, sys.argv[1:])))
"""


def test_a_service_reaches_those_it_works_with_and_nobody_else(stack: Stack) -> None:
    # By address too: a name that is not known there would hide an open way.
    (registry,), (postgres,) = stack.running("registry"), stack.running("postgres")
    (balancer,), router = stack.running("loadbalancer"), stack.running("router")[0]
    (prometheus,), (alertmanager,) = stack.running("prometheus"), stack.running("alertmanager")
    rest = [stack.address(registry, each) for each in ("rest", "redis-registry")]
    rest += [stack.address(balancer, each) for each in ("rest", "devices")]
    places = {
        "redis": [("redis", 6379)],
        "rest": [(host, 3300) for host in ("registry", "loadbalancer", *rest)],
        "postgres": [(host, 5432) for host in ("postgres", stack.address(postgres, "database"))],
        "prometheus": [(host, 9090) for host in ("prometheus", *stack.addresses(prometheus))],
        "alertmanager": [(host, 9093) for host in stack.addresses(alertmanager)],
    }
    containers = {"gateway": stack.running("gateway")[0], "router": router, "registry": registry}
    reached = {service: _reached(container, places) for service, container in containers.items()}
    assert reached == {
        "gateway": {"redis"},
        "router": {"redis"},
        "registry": {"redis", "rest", "postgres"},
    }


def _reached(container: str, places: dict[str, list[tuple[str, int]]]) -> set[str]:
    """Return the places that the container reaches at one of their addresses."""
    by_address = {
        f"{host}:{port}": place for place, found in places.items() for host, port in found
    }
    said = run("docker", "exec", container, "python", "-c", CONNECT, *by_address)
    return {by_address[address] for address in said.split()}


def test_nobody_gets_into_redis_without_a_user_of_it(stack: Stack) -> None:
    (redis,) = stack.running("redis")

    def ask(*words: str) -> str:
        return run("docker", "exec", redis, *words)

    assert "NOAUTH" in ask("redis-cli", "keys", "*")
    assert "PONG" in ask("redis-as", "operator", "ping")
    assert "NOPERM" in ask("redis-as", "operator", "flushall")
    directory = Names(64).of_charger("c1").directory
    assert "NOPERM" in ask("redis-as", "gateway", "hset", directory, "c1", "{}")
    with pytest.raises(StackError):
        ask("redis-as", "admin", "ping")
    admin = ("redis-cli", "--user", "chargelight-admin", "--pass", "chargelight")
    assert "PONG" not in ask(*admin, "ping")


@pytest.fixture
def prometheus(stack: Stack) -> Iterator[Prometheus]:
    """Prometheus of a stack with a canary."""
    stack.start("canary")
    with Prometheus.at(stack.prometheus_port) as found:
        yield found
    stack.compose("stop", "canary")


def test_prometheus_finds_every_instance_and_scrapes_it(
    stack: Stack, prometheus: Prometheus
) -> None:
    expected = {
        "gateway": ["up"] * GATEWAYS,
        "router": ["up"] * len(stack.running("router")),
        **{each: ["up"] for each in ("registry", "canary", "loadbalancer", "redis", "postgres")},
        **{each: ["up"] for each in ("prometheus", "alertmanager")},
    }
    wait_until(lambda: prometheus.targets() == expected, "all targets are up", prometheus.targets)
    # The exporters were let in where they measure.
    for name in ("redis_up", "pg_up"):
        wait_until(lambda name=name: prometheus.values(name) == [1], name)  # type: ignore[misc]


async def test_every_query_of_the_dashboards_has_an_answer_under_load(
    booth_open: OpenBooth, prometheus: Prometheus
) -> None:
    def without() -> dict[str, str]:
        return prometheus.without_answer(queries())

    async with booth_open() as booth, booth.readings_flow():
        wait = partial(wait_until, lambda: not without(), "every query has an answer", without)
        await asyncio.to_thread(wait)


def test_the_exporters_see_how_the_servers_are_and_nothing_of_what_they_hold(
    stack: Stack,
) -> None:
    (redis,), (postgres,) = stack.running("redis"), stack.running("postgres")
    psql = "PGPASSWORD=chargelight psql -h 127.0.0.1 -U chargelight-monitor -d chargelight -tA"

    def ask_postgres(query: str) -> str:
        script = f'{psql} -c "$0" 2>&1 || true'
        return run("docker", "exec", postgres, "sh", "-c", script, query)

    assert int(ask_postgres("SELECT count(*) FROM pg_stat_activity WHERE query <> ''")) > 0
    assert "permission denied for table pairings" in ask_postgres("TABLE pairings")
    tables = "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    readable = f"{tables} AND has_table_privilege(oid, 'SELECT')"
    assert int(ask_postgres(f"SELECT count(*) {tables}")) > 5
    assert int(ask_postgres(f"SELECT count(*) {readable}")) == 0
    rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = user"
    assert ask_postgres(rights).strip() == "f"
    as_monitor = ("redis-cli", "--user", "chargelight-monitor", "--pass", "chargelight")
    assert "used_memory" in run("docker", "exec", redis, *as_monitor, "info", "memory")
    assert "NOPERM" in run("docker", "exec", redis, *as_monitor, "get", "chargelight:agreements")


def test_every_service_ends_in_good_order_when_the_stack_is_stopped(stack: Stack) -> None:
    stack.compose("stop", timeout_seconds=90)
    codes = {
        service: {
            stack.inspect(container)["State"]["ExitCode"] for container in stack.ended(service)
        }
        for service in (*OWN, "loadbalancer", "redis", "postgres", "prometheus", "alertmanager")
    }
    assert codes == {service: {0} for service in codes}


def _ping(redis: str) -> str:
    try:
        return run("docker", "exec", redis, "redis-as", "operator", "ping")
    except StackError:
        return ""
