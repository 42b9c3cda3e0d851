"""Production on a Redis Cluster, with monitoring: all containers are killed at once.

Twenty-four containers for several minutes: `make production-proof` runs it, `make test` does not.
"""

import os
import time
from collections.abc import Iterator

import pytest
from websockets.asyncio.client import connect

from tests.e2e.compose_stack import Stack, open_stack, run, wait_until
from tests.e2e.monitoring import images
from tests.e2e.monitoring.answers import Prometheus
from tests.e2e.production import CHARGER, WIDGET, Production, bearer
from tests.fixtures.certificates import Ca
from tests.integration.hub.booth import CHARGED, CHARGING, reading, received

pytestmark = [
    pytest.mark.compose,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not os.environ.get("CHARGELIGHT_TEST_PRODUCTION"),
        reason="takes several minutes: make production-proof",
    ),
]

OVERLAYS = [f"deploy/compose/{of}.yml" for of in ("cluster", "monitoring", "monitoring-cluster")]
OWN = ("registry", "router", "gateway", "canary")
NODES = tuple(f"redis-{number}" for number in range(1, 7))
EXPORTERS = ("redis-exporter", *(f"redis-exporter-{number}" for number in range(2, 7)))
MONITORING = ("prometheus", "alertmanager", "postgres-exporter", *EXPORTERS)
SERVICES = (*NODES, "redis", "postgres", *OWN, "loadbalancer", *MONITORING)
WELL = {
    # Six exporters were let in at six nodes, three of which are replicas.
    "redis_up": [1] * len(NODES),
    "sum(redis_connected_slaves)": [3],
    "pg_up": [1],
    # The canary's own key and secret count: each light takes its way through the hub.
    'increase(chargelight_canary_lights_total{outcome="right"}[15s]) > bool 0': [1],
    "count(up == 0) or vector(0)": [0],
}
"""Queries, with the values that they have while all is well."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    folder = tmp_path_factory.mktemp("operator")
    made = Production(Ca(folder / "ca"), folder, *OVERLAYS)
    with open_stack(made.stack, SERVICES, 1, OWN, images.provide):
        yield made


async def test_all_is_back_with_its_data_after_all_containers_were_killed_at_once(
    hub: Production,
) -> None:
    stack, admin = hub.stack, hub.admin_key()
    (hub.secrets / "canary-key").write_text(hub.key_of("canary", "operator", admin))
    stack.compose("restart", "canary", timeout_seconds=60)
    secrets = hub.pair(admin)
    async with _connected(hub, CHARGER, secrets) as charger, _connected(hub, WIDGET, secrets) as at:
        await charger.send(reading(100))
        while await received(at) != CHARGED:
            pass  # what it showed before
    with Prometheus.at(stack.prometheus_port) as prometheus:
        _wait_until_well(prometheus)
        killed_at = time.time()

        _kill_all(stack)
        stack.up(SERVICES, 1)

        # Redis has the light, while its charger is away. Postgres has devices, secrets and keys.
        async with _connected(hub, WIDGET, secrets) as at:
            assert await received(at) == CHARGED
            async with _connected(hub, CHARGER, secrets) as charger:
                await charger.send(reading(40))
                while await received(at) != CHARGING:
                    pass
        with hub.client(admin) as rest:
            assert rest.get("/pairings/c1").json()["widget"] == "w1"
        _wait_until_well(prometheus)
        assert prometheus.values(f"sum(redis_up @ {killed_at:.0f})") == [len(NODES)]


def _connected(hub: Production, path: str, secrets: dict[str, str]) -> connect:
    headers = bearer(secrets[path])
    return connect(hub.url_of(path), ssl=hub.ca.client(), additional_headers=headers, proxy=None)


def _kill_all(stack: Stack) -> None:
    label = f"label=com.docker.compose.project={stack.project}"
    containers = run("docker", "ps", "--quiet", "--filter", label).split()
    assert len(containers) >= len(SERVICES)
    run("docker", "kill", *containers, timeout_seconds=60)
    assert run("docker", "ps", "--quiet", "--filter", label) == ""


def _wait_until_well(prometheus: Prometheus) -> None:
    def found() -> dict[str, list[float]]:
        return {query: prometheus.values(query) for query in WELL}

    wait_until(lambda: found() == WELL, "all is well", found)
