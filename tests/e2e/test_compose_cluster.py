"""The stack with deploy/compose/cluster.yml on top: three primaries and their replicas."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import cast

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.compose_stack import Stack, open_stack, run, wait_until
from tests.e2e.confinement import PROBE, too_free
from tests.integration.hub.booth import CHARGED, CHARGING, reading, received

pytestmark = [pytest.mark.compose, pytest.mark.timeout(600)]

GATEWAYS = 3
NODES = tuple(f"redis-{number}" for number in range(1, 7))
OWN = ("registry", "router", "gateway")
SERVICES = (*NODES, "redis", "postgres", *OWN, "loadbalancer")
PAIRS = {f"c{number}": f"w{number}" for number in range(6)}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    made = Stack("deploy/compose/cluster.yml")
    with open_stack(made, SERVICES, GATEWAYS, OWN):
        _register(made)
        yield made


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
            says = group.create_task(_say(of_url, level))
            while await received(at) != light:
                pass  # what it showed before
            says.cancel()


async def _say(url: str, level: int) -> None:
    """Report a level whenever the charger is connected: it may be asked again (1001)."""
    # Closed here, and not by the garbage collector: the event loop may have ended by then.
    again = cast("AsyncGenerator[ClientConnection]", aiter(connect(url, proxy=None)))
    async with contextlib.aclosing(again) as connections:
        async for charger in connections:
            with contextlib.suppress(ConnectionClosed):
                await charger.send(reading(level))
                await charger.wait_closed()


def _keys_of(stack: Stack, node: str) -> int:
    (container,) = stack.running(node)
    return int(run("docker", "exec", container, "redis-as", "operator", "dbsize"))


async def test_readings_light_widgets_and_every_node_has_its_share(stack: Stack) -> None:
    await _all_lit(stack, 70, CHARGING)
    assert all(_keys_of(stack, node) for node in NODES)


def test_nodes_are_confined_and_bounded_seen_from_inside(stack: Stack) -> None:
    for node in (*NODES, "redis"):
        said = stack.inside(node, "sh", "-c", PROBE)
        assert (node, too_free(said, "/data")) == (node, set())


async def test_a_primary_that_lost_its_volume_is_a_replica_with_all_keys_afterwards(
    stack: Stack,
) -> None:
    stack.compose("rm", "--stop", "--force", "redis-2", timeout_seconds=60)
    run("docker", "volume", "rm", f"{stack.project}_redis-2-data")
    stack.up(SERVICES, GATEWAYS)
    wait_until(lambda: _keys_of(stack, "redis-2") > 0, "it has the keys of redis-5")
    assert "role:slave" in stack.inside("redis-2", "redis-as", "operator", "info", "replication")
    await _all_lit(stack, 100, CHARGED)


async def test_nodes_that_are_all_created_again_form_a_cluster_again(stack: Stack) -> None:
    # Their addresses may be others then, or each other's.
    stack.compose("up", "-d", "--no-build", "--no-deps", "--force-recreate", *reversed(NODES),
                  timeout_seconds=120)  # fmt: skip
    stack.up(SERVICES, GATEWAYS)
    wait_until(lambda: all(_keys_of(stack, node) for node in NODES), "all have their keys")
    await _all_lit(stack, 70, CHARGING)
