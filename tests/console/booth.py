"""A hub with two booths for the console to show, and cables to it that can be pulled."""

import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from websockets.asyncio.client import ClientConnection

from tests.fixtures.fault_proxy import HOST, FaultProxy
from tests.fixtures.hub import Hub, Registry, connect_device, settings_of_run
from tests.fixtures.postgres_at import ADMIN_KEY, know_admin
from tests.fixtures.reporting import server_options_of
from tools.servers.postgres.databases import temporary_database
from tools.servers.postgres.server import Postgres
from tools.servers.redis.open import open_redis_server

PHONES: Final = {
    "Left 1": 38.0,
    "Left 2": 84.0,
    "Left 3": 100.0,
    "Left 4": 12.5,
    "Left 5": 99.7,
    "Left 6": 100.0,
    "Right 1": 61.0,
    "Right 2": 100.0,
    "Right 10": 3.0,
}
"""The chargers of the near booth with a phone that charges, and what that is at."""


def charger_of(label: str) -> str:
    return f"c-{label.lower().replace(' ', '-')}"


@dataclass
class Booth:
    """The hub of these tests: two booths, and what an operator and chargers do there."""

    hub: Hub
    open_: Registry
    """Asks for no key, and reaches Redis and Postgres by cables."""
    guarded: Registry
    to_redis: FaultProxy
    to_postgres: FaultProxy
    wifi: FaultProxy
    """Between the browser and the registries: the open one, while it runs; else another one."""
    spare: Registry
    chargers: dict[str, ClientConnection] = field(default_factory=dict)
    rentals: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.wifi.port}/console/"

    @property
    def guarded_url(self) -> str:
        return f"{self.guarded.url}/console/"

    async def send(
        self, method: str, path: str, body: object = None, key: str = ADMIN_KEY
    ) -> dict[str, Any]:
        """Ask as an operator, by way of the registry that is never harmed."""
        headers = {"Authorization": f"Bearer {key}"}
        answer = await self.hub.client.request(
            method, self.guarded.url + path, json=body, headers=headers
        )
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    async def key_of(self, name: str, role: str, **more: str) -> dict[str, Any]:
        return await self.send("POST", "/keys", {"name": name, "role": role, **more})

    async def make(self, booth: str, label: str) -> str:
        """Register a pair of a booth."""
        charger = charger_of(label)
        for path in (f"/chargers/{charger}", f"/widgets/w{charger[1:]}"):
            await self.send("PUT", path, {"label": label, "booth": booth})
        await self.send("PUT", f"/pairings/{charger}", {"widget": f"w{charger[1:]}"})
        return charger

    async def hand_over(self, charger: str, ticket: str) -> None:
        self.rentals[charger] = path = f"/rentals/{uuid.uuid4()}"
        await self.send("PUT", path, {"charger": charger, "ticket": ticket})

    async def says(self, charger: str, level: float) -> None:
        """Have a charger report, and return once that is stored."""
        if charger not in self.chargers:
            gateway = self.hub.gateways[0]
            self.chargers[charger] = await connect_device(gateway.charger_url(charger))
        device = self.chargers[charger]
        await device.send(json.dumps({"event": "StateOfCharge", "data": {"soc": level}}))
        await (await device.ping())

    async def leaves(self, charger: str) -> None:
        await self.chargers.pop(charger).close()

    async def fill(self) -> None:
        """Have all be there that a wall can show."""
        for name in ("Main stage", "Camping"):
            await self.send("POST", "/booths", {"name": name})
        for number, (label, level) in enumerate(PHONES.items()):
            charger = await self.make("main-stage", label)
            await self.hand_over(charger, f"{815 + number:04}")
            await self.says(charger, level)
        await self.says(await self.make("camping", "Tent 1"), 55)
        await self.make("main-stage", "Left 7")
        await self.hand_over(await self.make("main-stage", "Left 8"), "0999")
        await self.leaves("c-left-6")


@asynccontextmanager
async def cable(*addresses: tuple[str, int]) -> AsyncIterator[FaultProxy]:
    """Lead to the first address that takes connections, while the context is open."""
    proxy = FaultProxy(lambda: addresses)
    await proxy.listen()
    try:
        yield proxy
    finally:
        proxy.close()


@asynccontextmanager
async def open_booth(
    config: pytest.Config, postgres: Postgres, folder: Path
) -> AsyncIterator[Booth]:
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(closing(open_redis_server(server_options_of(config))))
        dsn = stack.enter_context(temporary_database(postgres))
        settings = await settings_of_run(redis.url, dsn)
        at = urlsplit(redis.url)
        to_redis = await stack.enter_async_context(cable((HOST, at.port or 6379)))
        own = settings["CHARGELIGHT_POSTGRES_DSN"]
        at_postgres = (HOST, int(str(conninfo_to_dict(own)["port"])))
        to_postgres = await stack.enter_async_context(cable(at_postgres))
        hub = Hub(settings, folder, lambda _: None)
        try:
            booth = await _start(hub, redis.url, own, to_redis, to_postgres)
            async with await AsyncConnection.connect(dsn, autocommit=True) as by_hand:
                await know_admin(by_hand)
            await booth.fill()
            yield booth
            for device in booth.chargers.values():
                await device.close()
            booth.wifi.close()
            await hub.close()
        finally:
            for process in hub.processes:
                process.kill()


async def _start(
    hub: Hub, redis: str, dsn: str, to_redis: FaultProxy, to_postgres: FaultProxy
) -> Booth:
    at = urlsplit(redis)
    by_cable = at._replace(netloc=at.netloc.replace(f":{at.port}", f":{to_redis.port}"))
    open_ = hub.start_registry(
        {
            "CHARGELIGHT_REDIS_URL": by_cable.geturl(),
            "CHARGELIGHT_POSTGRES_DSN": make_conninfo(dsn, port=to_postgres.port),
        }
    )
    guarded = hub.start_registry(
        {
            "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
            "CHARGELIGHT_CREDENTIAL_KEY": "the key of digests, for tests of the console",
        }
    )
    spare = hub.start_registry()
    hub.start_router()
    hub.start_gateway()
    await hub.ready()
    wifi = FaultProxy(lambda: [(HOST, open_.port), (HOST, spare.port)])
    await wifi.listen()
    return Booth(hub, open_, guarded, to_redis, to_postgres, wifi, spare)
