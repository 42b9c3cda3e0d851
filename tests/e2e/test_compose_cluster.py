"""The stack with deploy/compose/cluster.yml on top: three primaries and their replicas."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Iterator
from ipaddress import ip_address
from typing import cast

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.compose_stack import Stack, StackError, open_stack, run, wait_until
from tests.e2e.confinement import PROBE, too_free
from tests.integration.hub.booth import CHARGED, CHARGING, reading, received

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

GATEWAYS = 3
NODES = tuple(f"redis-{number}" for number in range(1, 7))
OWN = ("registry", "router", "gateway")
SERVICES = (*NODES, "redis", "postgres", *OWN, "loadbalancer")
OTHER_OF_PAIR = dict(zip(NODES, (*NODES[3:], *NODES[:3]), strict=True))
"""Of each node, the primary or replica: one may have taken over from the other."""
PAIRS = {f"c{number}": f"w{number}" for number in range(6)}


@pytest.fixture(scope="module")
def started() -> Iterator[Stack]:
    made = Stack("deploy/compose/cluster.yml")
    with open_stack(made, SERVICES, GATEWAYS, OWN):
        _register(made)
        yield made


@pytest.fixture
def stack(started: Stack) -> Stack:
    """All of it, and well, whatever the test before has left."""
    _wait_until_well(started)
    return started


def _wait_until_well(stack: Stack) -> None:
    """Start what does not run, and wait until the nodes agree that they are a cluster."""
    stack.up(SERVICES, GATEWAYS)
    (joining,) = stack.running("redis")
    _, *is_joined = stack.inspect(joining)["Config"]["Healthcheck"]["Test"]
    wait_until(lambda: _ends_well(joining, *is_joined), "the cluster is well")


def _ends_well(container: str, *command: str) -> bool:
    try:
        run("docker", "exec", container, *command)
    except StackError:
        return False
    return True


def _register(stack: Stack) -> None:
    url = f"http://127.0.0.1:{stack.registry_port}"
    with httpx.Client(base_url=url, trust_env=False, timeout=15) as rest:
        for charger, widget in PAIRS.items():
            assert rest.put(f"/chargers/{charger}").is_success
            assert rest.put(f"/widgets/{widget}").is_success
            paired = rest.put(f"/pairings/{charger}", json={"widget": widget})
            assert paired.json()["projected"] is True


async def _all_lit(stack: Stack, level: int, light: str) -> None:
    """Report a level of every charger; each widget shows what it calls for."""
    for charger, widget in PAIRS.items():
        at_url = f"ws://127.0.0.1:{stack.widget_port}/widgets/{widget}"
        of_url = f"ws://127.0.0.1:{stack.charger_port}/chargers/{charger}"
        async with connect(at_url, proxy=None) as at, asyncio.TaskGroup() as group:
            group.create_task(_say(of_url, level))
            while await received(at) != light:
                pass  # what it showed before


async def _say(url: str, level: int) -> None:
    """Report a level until a pong says that Redis has it: a charger may be sent away (1001)."""
    # Closed here, and not by the garbage collector: the event loop may have ended by then.
    again = cast("AsyncGenerator[ClientConnection]", aiter(connect(url, proxy=None)))
    async with contextlib.aclosing(again) as connections:
        async for charger in connections:
            with contextlib.suppress(ConnectionClosed):
                await charger.send(reading(level))
                await (await charger.ping())
                return


async def _all_still_lit(stack: Stack, light: str) -> None:
    """Each widget shows it by what Redis has: the chargers are gone."""
    for widget in PAIRS.values():
        url = f"ws://127.0.0.1:{stack.widget_port}/widgets/{widget}"
        async with connect(url, proxy=None) as at:
            assert (widget, await received(at)) == (widget, light)


def _keys_of(stack: Stack, node: str) -> int:
    return int(stack.inside(node, "redis-as", "operator", "dbsize"))


def _role_of(stack: Stack, node: str) -> str:
    """Return `master` or `slave`; nothing while it does not answer yet."""
    try:
        said = stack.inside(node, "redis-as", "operator", "info", "replication")
    except StackError:
        return ""
    return said.partition("role:")[2].partition("\n")[0].strip()


def _a_primary(stack: Stack) -> str:
    return next(node for node in NODES if _role_of(stack, node) == "master")


def _addresses(stack: Stack, services: Iterable[str]) -> dict[str, str]:
    return {
        service: stack.address(container, "redis-nodes")
        for service in services
        for container in stack.running(service)
    }


async def test_readings_light_widgets_and_every_node_has_its_share(stack: Stack) -> None:
    await _all_lit(stack, 70, CHARGING)
    assert all(_keys_of(stack, node) for node in NODES)


def test_nodes_are_confined_and_bounded_seen_from_inside(stack: Stack) -> None:
    for node in (*NODES, "redis"):
        said = stack.inside(node, "sh", "-c", PROBE)
        assert (node, too_free(said, "/data")) == (node, set())


async def test_a_replica_that_finds_another_primary_where_its_own_was_takes_over_with_its_lights(
    stack: Stack,
) -> None:
    await _all_lit(stack, 70, CHARGING)
    at = _addresses(stack, NODES)
    containers = {node: stack.running(node)[0] for node in NODES}
    in_order = sorted(NODES, key=lambda node: ip_address(at[node]))
    gone, other, _ = (node for node in in_order if _role_of(stack, node) == "master")
    run("docker", "kill", *containers.values())
    # The engine gives each the lowest address that is free: the other one that of the one gone.
    order = [node for node in in_order if node not in (gone, other)]
    order.insert(in_order.index(gone), other)
    for node in order:
        run("docker", "start", containers[node])
    assert _addresses(stack, [other])[other] == at[gone]
    wait_until(lambda: _role_of(stack, OTHER_OF_PAIR[gone]) == "master", "it has taken over")
    run("docker", "start", containers[gone])
    _wait_until_well(stack)
    await _all_still_lit(stack, CHARGING)


async def test_a_primary_that_lost_its_volume_is_a_replica_with_all_keys_afterwards(
    stack: Stack,
) -> None:
    await _all_lit(stack, 100, CHARGED)
    primary = _a_primary(stack)
    stack.compose("rm", "--stop", "--force", primary, timeout_seconds=60)
    run("docker", "volume", "rm", f"{stack.project}_{primary}-data")
    _wait_until_well(stack)
    assert _role_of(stack, primary) == "slave"
    assert _keys_of(stack, primary) > 0
    await _all_still_lit(stack, CHARGED)
    await _all_lit(stack, 70, CHARGING)


async def test_a_primary_that_lost_its_disk_and_is_back_at_once_takes_no_light_with_it(
    stack: Stack,
) -> None:
    await _all_lit(stack, 100, CHARGED)
    primary = _a_primary(stack)
    (container,) = stack.running(primary)
    stack.inside(primary, "sh", "-c", "rm -r /data/*")
    run("docker", "kill", container)
    # Before the others count it as failed, and at the address that its replica knows.
    run("docker", "start", container)
    wait_until(lambda: _role_of(stack, OTHER_OF_PAIR[primary]) == "master", "it has taken over")
    _wait_until_well(stack)
    await _all_still_lit(stack, CHARGED)


async def test_nodes_that_are_all_created_again_form_a_cluster_again(stack: Stack) -> None:
    await _all_lit(stack, 100, CHARGED)
    stack.compose("up", "-d", "--no-build", "--no-deps", "--force-recreate", *NODES,
                  timeout_seconds=120)  # fmt: skip
    _wait_until_well(stack)
    assert all(_keys_of(stack, node) for node in NODES)
    await _all_still_lit(stack, CHARGED)
    await _all_lit(stack, 70, CHARGING)
