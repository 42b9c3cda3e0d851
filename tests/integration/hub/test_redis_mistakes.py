"""An operator's mistakes with Redis while a hub runs: said once, survived, and over when undone.

One hub lives through all of them. Its users have exactly the rights that docs/operations.md lists.
"""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection

from tests.fixtures.hub import Hub, connect_device, settings_of_run
from tests.fixtures.processes import ROOT, ServiceProcess
from tests.fixtures.redis_at import is_cluster_wanted, is_oldest_wanted
from tests.integration.hub.booth import reading
from tests.integration.hub.redis_mistakes import ALL, MISTAKES, PASSWORD, Mistake, Server
from tools.servers.postgres.databases import temporary_database
from tools.servers.postgres.server import Postgres
from tools.servers.redis.open import embedded_redis, oldest_redis

if TYPE_CHECKING:
    from pathlib import Path

    from tools.servers.redis.embedded import EmbeddedRedis

_COLUMNS: Final = 5
RIGHT_SECONDS: Final = 15.0
"""After what was wrong is undone, beside other tests. Alone, the fault `refusing` has 5 s."""
SAID_SECONDS: Final = 30.0
HOLD_SECONDS: Final = 1.0
BACK_SECONDS: Final = 5.0
"""A connection that stands for 3 s is said to be back."""

_BACK: Final = {
    "redis is lost": "redis is back",
    "redis doorbells are lost": "redis doorbells are heard",
}
"""What is logged of a loss, and what of its end."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    if is_cluster_wanted():
        pytest.skip("is about one server, and this run is on a cluster")
    opened: EmbeddedRedis = (oldest_redis if is_oldest_wanted() else embedded_redis)("its own")
    with closing(opened), closing(Server(opened)) as server:
        yield server


@pytest.fixture(scope="module")
def dsn(postgres_server: Postgres) -> Iterator[str]:
    with temporary_database(postgres_server) as dsn:
        yield dsn


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    server: Server, dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Hub]:
    folder: Path = tmp_path_factory.mktemp("hub")
    hub = Hub(await settings_of_run(server.redis.url, dsn), folder, lambda _: None)
    start: dict[str, Any] = {
        "gateway": hub.start_gateway,
        "router": hub.start_router,
        "registry": hub.start_registry,
    }
    try:
        for service in ALL:
            start[service]({"CHARGELIGHT_REDIS_URL": server.url_of(service)})
        await hub.ready()
        await hub.register(("c1", "w1"))
        yield hub
        await hub.close()
    finally:
        for process in hub.processes:
            process.kill()


class Service:
    """A process of the hub, and what it logs from now on."""

    def __init__(self, process: ServiceProcess) -> None:
        self._process = process
        self._before = len(process.log_text())

    @property
    def new_log(self) -> str:
        return self._process.log_text()[self._before :]

    def lines(self, *events: str) -> list[dict[str, str]]:
        found = [json.loads(line) for line in self.new_log.splitlines()]
        return [line for line in found if line["event"] in events]

    async def says(self, text: str) -> None:
        """Return once /readyz has a text in it."""
        said = ""
        try:
            async with (
                asyncio.timeout(SAID_SECONDS),
                httpx.AsyncClient(trust_env=False, timeout=5) as client,
            ):
                while text not in said:
                    said = (await client.get(self._process.ready_url)).text
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self._process.name}: {said!r}, not {text!r}") from None

    async def logs(self, event: str) -> None:
        """Return once there is a new line of an event."""
        async with asyncio.timeout(SAID_SECONDS):
            while not self.lines(event):  # noqa: ASYNC110 - a file sets no event
                await asyncio.sleep(0.05)

    async def has_said_all(self) -> None:
        """Return once whatever was lost is said to be back: that is not of the next mistake.

        A connection that nothing needs stays lost until something does.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BACK_SECONDS):
                while self._is_something_lost():  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.05)

    def _is_something_lost(self) -> bool:
        told = self.told()
        return any(
            count > told[_BACK[event], connection]
            for (event, connection), count in told.items()
            if event in _BACK
        )

    def told(self) -> Counter[tuple[str, str | None]]:
        """How often each loss, and each end of one, was logged of each connection."""
        lines = self.lines(*_BACK, *_BACK.values())
        return Counter((line["event"], line.get("connection")) for line in lines)


async def shows(widget: ClientConnection, status: str) -> None:
    """Return once a widget gets a status; fails after `RIGHT_SECONDS`."""
    async with asyncio.timeout(RIGHT_SECONDS):
        while f'"{status}"' not in str(await widget.recv()):
            pass


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
async def test_a_mistake_is_said_once_and_over_when_undone(
    server: Server, hub: Hub, mistake: Mistake
) -> None:
    gateway = hub.gateways[0]
    services = {process.name[:-2]: Service(process) for process in hub.processes}
    async with (
        connect_device(gateway.widget_url("w1")) as widget,
        connect_device(gateway.charger_url("c1")) as charger,
    ):
        await charger.send(reading(20))
        await shows(widget, "charging")
        await mistake.make(server)
        await charger.send(reading(100))
        for name in mistake.services:
            attention = f"redis needs attention: {mistake.reason}" if mistake.reason else ""
            await services[name].says(f"no: {mistake.ready or attention}")
        if mistake.is_lit:
            await shows(widget, "charged")
        await asyncio.sleep(HOLD_SECONDS)
        await mistake.undo(server)
        if not mistake.is_lit:
            await shows(widget, "charged")
    for name, service in services.items():
        await service.says("ok")
        await service.has_said_all()
        if name in mistake.services and mistake.is_refusal:
            await service.logs("redis is in order again")
    assert hub.unexpected_exits() == []
    for name, service in services.items():
        assert PASSWORD not in service.new_log
        is_told = name in mistake.services and mistake.is_refusal
        said = service.lines("redis needs attention")
        assert [mistake.reason in line["reason"] for line in said] == [True] * is_told, said
        assert all(line["remedy"] for line in said)
        assert len(service.lines("redis is in order again")) == is_told
        told = service.told()
        assert not told or max(told.values()) == 1, f"{name} flaps: {told}"


def test_the_table_in_the_docs_has_these_mistakes() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = text.partition("\n### With Redis\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines()]
    rows = [row for row in cells if len(row) == _COLUMNS and row[3] == "lives"]
    documented = [row[0] for row in rows]
    assert documented == [mistake.title for mistake in MISTAKES]
    for row, mistake in zip(rows, MISTAKES, strict=True):
        assert mistake.reason in row[1], mistake.title
