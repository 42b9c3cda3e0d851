"""Postgres and the registry are away for a minute: lights go on, and rentals miss nothing."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import httpx
import pytest
from redis.asyncio import Redis

from services.simulator.devices.levels import HIGHEST
from services.simulator.devices.phone import Phone, empty_phone
from services.simulator.fleet.fleet import Fleet, Plan
from services.simulator.fleet.pairs import Pair, numbered_pairs
from shared.contract.names import Names
from tests.e2e.fleet import SETTLE_SECONDS, GatewayGroup, fleet, judge_lights
from tests.fixtures.hub import Hub, StartHub, connect_device
from tests.fixtures.redis_at import client_of
from tests.integration.hub.booth import CHARGING80, SOON, reading, receipt, received
from tools.servers.postgres.server import PostgresServer

AWAY_SECONDS: Final = 60.0
"""How long Postgres is away; for the second half of it no registry runs either."""

CAUGHT_UP_SECONDS: Final = 30.0
"""In which rentals know all that they missed. What a registry had taken when it was killed
is taken again after 15 s."""

PAIRS: Final = 24
RENTED: Final = 8
PARTITIONS: Final = 16

STEP_SECONDS: Final = 0.5
"""A phone gains 1 % in this time."""

FIRST_LEVEL: Final = 30
"""80 % after 25 s, 100 % after 35 s; each further phone comes 2 % lower, 1 s later. So some
are full while a registry runs that can record nothing, and some while none runs."""

NEVER: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rented:
    """A rental that is open, and its phone."""

    id: uuid.UUID
    pair: Pair

    def plan(self) -> Plan:
        """A phone that is low now, and full before the registry is back, and stays full."""
        level = FIRST_LEVEL - 2 * self.id.int
        phone = Phone(level, step=1.0, rest=NEVER, arrive=empty_phone)
        return Plan(self.pair, phone, interval=STEP_SECONDS)


class Reached(NamedTuple):
    at_80: datetime | None
    at_100: datetime | None


class Streams:
    """The transitions that routers tell of."""

    def __init__(self, client: Redis) -> None:
        self._client: Any = client  # its answers are dynamic
        self._keys = [tag.transitions for tag in Names(PARTITIONS).widgets]

    async def of(self, widget: str) -> Reached:
        """Return when a light became yellow and green; fail if it did not, or more than once."""
        found: dict[str, list[datetime]] = {}
        for key in self._keys:
            for entry_id, cells in await self._client.xrange(key):
                if cells[b"widget"].decode() == widget:
                    at = datetime.fromtimestamp(int(entry_id.split(b"-")[0]) / 1000, UTC)
                    found.setdefault(cells[b"status"].decode(), []).append(at)
        (at_80,), (at_100,) = found["charging80"], found["charged"]
        return Reached(at_80, at_100)

    async def empty(self) -> bool:
        """Tell whether all of them were taken, acknowledged and removed."""
        for key in self._keys:
            if await self._client.xlen(key):
                return False
            if await self._client.exists(key):
                for group in await self._client.xinfo_groups(key):
                    if group["pending"]:
                        return False
        return True


class Operator:
    """Whoever tries to work while the registry, or what it needs, is away."""

    def __init__(self, url: str) -> None:
        # trust_env: a proxy that this machine may use does not lead to itself.
        self._client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=SOON)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def rent(self, number: int, pair: Pair) -> Rented:
        rented = Rented(uuid.UUID(int=number), pair)
        opened = await self._client.put(
            f"/rentals/{rented.id}",
            json={"charger": pair.charger, "widget": pair.widget, "ticket": f"no. {number}"},
            params={"replace": "true"},
        )
        assert (opened.status_code, opened.json()["projected"]) == (201, True), opened.text
        return rented

    async def reached(self, rented: Rented) -> Reached:
        """Return when its phone reached what, as far as the rental knows it."""
        found = await self._client.get(f"/rentals/{rented.id}")
        assert found.status_code == 200, found.text
        return Reached(*(_time(found.json()[f"reached_{level}_at"]) for level in (80, 100)))

    async def is_told_to_come_back(self) -> None:
        """Try all that needs Postgres: each must say so at once, and when to try again."""
        requests: list[tuple[str, str, Any]] = [
            ("PUT", "/chargers/late-c", {}),
            ("PUT", "/widgets/late-w", {}),
            ("PUT", "/pairings/late-c", {"widget": "late-w"}),
            ("PUT", f"/rentals/{uuid.UUID(int=9999)}", {"charger": "late-c"}),
            ("GET", "/chargers/late-c", None),
            ("GET", "/chargers", None),
            ("DELETE", "/chargers/late-c", None),
        ]
        answers = await asyncio.gather(
            *(self._client.request(method, path, json=body) for method, path, body in requests)
        )
        for answer in answers:
            problem = answer.json()
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.status_code == problem["status"] == 503, problem
            assert problem["type"] == "urn:chargelight:problem:postgres-away"
            assert "Widgets still get their lights" in problem["detail"]
            assert int(answer.headers["Retry-After"]) > 0

    async def finds_nobody(self) -> None:
        """Try it while there is no registry at all."""
        with pytest.raises(httpx.ConnectError):
            await self._client.put("/chargers/late-c", json={})


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


async def _all_right_until(moment: float, made: Fleet, group: GatewayGroup) -> None:
    """Look on; readings flow, and lights are right, those of widgets that come now too."""
    while (left := moment - time.monotonic()) > 0:
        before = made.total_figures().counts
        await asyncio.sleep(min(1.0, left))
        figures = made.total_figures()
        assert figures.counts.wrong_lights == 0
        assert figures.lights_unknown == 0
        assert figures.chargers_connected == figures.widgets_connected == len(made.pairs)
        assert left < 1 or figures.counts.acknowledged > before.acknowledged
        widget = made.pairs[0].plan.pair.widget
        async with connect_device(f"{group.widgets_url}/widgets/{widget}") as one_more:
            assert "chargingStatus" in await received(one_more)


async def _works(running: Hub, group: GatewayGroup) -> None:
    """Register and pair devices, which are lit at once."""
    await running.register(("late-c", "late-w"))
    async with (
        connect_device(f"{group.widgets_url}/widgets/late-w") as widget,
        connect_device(f"{group.chargers_url}/chargers/late-c") as charger,
    ):
        await charger.send(reading(85))
        await receipt(charger)
        assert await received(widget) == CHARGING80


async def test_a_minute_without_registry_and_postgres_darkens_no_light_and_misses_no_phone(
    hub: StartHub, private_postgres: PostgresServer, redis_url: str
) -> None:
    running = await hub(
        gateways=0,
        routers=2,
        postgres_dsn=private_postgres.dsn,
        settings={"CHARGELIGHT_PARTITIONS": str(PARTITIONS)},
    )
    group = GatewayGroup(running)
    for _ in range(3):
        group.start()
    await running.ready()
    registry = running.registries[0].process
    pairs = numbered_pairs("rented", RENTED)
    await running.register(*((pair.charger, pair.widget) for pair in pairs))
    async with client_of(redis_url) as client, aclosing(Operator(running.registry_url)) as operator:
        streams = Streams(client)
        rentals = [await operator.rent(number, pair) for number, pair in enumerate(pairs, 1)]
        plans = [rented.plan() for rented in rentals]
        async with fleet(running, group, PAIRS, more=plans) as made:
            assert {await operator.reached(rented) for rented in rentals} == {Reached(None, None)}

            began, began_at = time.monotonic(), datetime.now(UTC)
            private_postgres.stop()
            await operator.is_told_to_come_back()
            await _all_right_until(began + AWAY_SECONDS / 2, made, group)
            await operator.is_told_to_come_back()
            registry.kill()
            await operator.finds_nobody()
            await _all_right_until(began + AWAY_SECONDS, made, group)
            # The phones became full meanwhile, or the rest proves nothing.
            assert {plan.phone.level for plan in plans} == {HIGHEST}
            told = {rented: await streams.of(rented.pair.widget) for rented in rentals}
            ended_at = datetime.now(UTC)
            for at_80, at_100 in told.values():
                assert at_80 is not None
                assert at_100 is not None
                assert began_at < at_80 < at_100 < ended_at

            private_postgres.start()
            registry.start()
            await registry.ready()
            await _works(running, group)
            await _all_right_until(time.monotonic() + SETTLE_SECONDS, made, group)
            await _recorded(operator, told)
            await judge_lights(made)
            assert made.total_figures().counts.reconnects == 0
        async with asyncio.timeout(CAUGHT_UP_SECONDS):
            while not await streams.empty():  # noqa: ASYNC110 - asked of another process
                await asyncio.sleep(0.1)
        # Nothing that came later changed what is recorded.
        await _recorded(operator, told, within=0)


async def _recorded(
    operator: Operator, told: Mapping[Rented, Reached], within: float = CAUGHT_UP_SECONDS
) -> None:
    """Wait until each rental knows when its phone reached what, to the millisecond."""
    deadline = time.monotonic() + within
    while (known := {rented: await operator.reached(rented) for rented in told}) != told:
        assert time.monotonic() < deadline, f"recorded is {known}, but told was {told}"
        await asyncio.sleep(0.1)
