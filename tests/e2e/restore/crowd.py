"""Many pairs, each with a visitor's phone; after the backup some of them change hands.

Their chargers connect to say a level, and leave again. How each light is stands in Redis, and is
judged by the rule of `explain`.
"""

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from psycopg import AsyncConnection

from services.registry.explain.facts import charger_facts
from services.registry.explain.light_findings import Judgement, judge_light
from services.registry.live.state import to_datetime
from services.registry.live.state_reader import StateReader
from services.simulator.fleet.pairs import Pair, numbered_pairs
from shared.contract.device_protocol import ChargingStatus
from shared.contract.names import Names
from tests.faults.booth import Booth
from tests.fixtures.fault_proxy import HOST
from tests.fixtures.raw_device import RawDevice
from tests.fixtures.raw_frames import reading
from tests.fixtures.redis_at import bus_to

HANDED, SWAPPED, GONE, NEW = 40, 20, 20, 20
"""Pairs with another visitor, with each other's widget, unregistered, and new: 100 changes."""

LEVELS: Final = {
    10: ChargingStatus.CHARGING,
    85: ChargingStatus.CHARGING80,
    100: ChargingStatus.CHARGED,
}
_FULL: Final = 100
"""What the phones say that are collected: nobody after them may see green."""
LOW: Final = 10
"""What the phones say that came since the backup."""

MOST_LIT: Final = 2000
"""Of the pairs that are left alone: to connect once takes some milliseconds for each."""
_AT_ONCE: Final = 250
_SAY_SECONDS: Final = 180.0
_VISIT_SECONDS: Final = 4.0

_OPEN_RENTALS: Final = """
    INSERT INTO rentals (id, charger_id, widget_id, ticket, pairing_number, paired_before)
    SELECT wanted.id, charger_id, widget_id, 'before', chargers.pairing_number, true
    FROM unnest(%s::uuid[], %s::text[]) AS wanted (id, charger)
    JOIN pairings ON charger_id = charger
    JOIN chargers ON chargers.id = charger_id
"""


class Seen(NamedTuple):
    """How the light of a charger's widget is; `NOT_REGISTERED` if there is no such charger."""

    judgement: Judgement | None
    light: ChargingStatus | None


NOT_REGISTERED: Final = Seen(None, None)
DARK: Final = Seen(Judgement.NOTHING_TO_LIGHT, None)


def right(level: int) -> Seen:
    return Seen(Judgement.RIGHT, LEVELS[level])


class Crowd:
    """The pairs of a booth that are not connected all the time."""

    def __init__(self, booth: Booth, pairs: int) -> None:
        self._booth = booth
        self.pairs = numbered_pairs("crowd", pairs)
        new = numbered_pairs("new", NEW)
        rest = list(self.pairs)
        self.handed, rest = rest[:HANDED], rest[HANDED:]
        self.swapped, rest = rest[:SWAPPED], rest[SWAPPED:]
        self.gone, rest = rest[:GONE], rest[GONE:]
        self.left_alone, self.new = rest, new
        self._rentals = {pair.charger: uuid.uuid4() for pair in self.pairs}
        levels = list(LEVELS)
        self.before = {pair.charger: _FULL for pair in self.changed} | {
            pair.charger: levels[number % len(levels)]
            for number, pair in enumerate(self.left_alone[:MOST_LIT])
        }
        """What chargers say before the backup; the others have not reported yet."""

    @property
    def changed(self) -> list[Pair]:
        """Those of before the backup with another visitor, another widget, or unregistered."""
        return [*self.handed, *self.swapped, *self.gone]

    async def arrive(self) -> None:
        """Have all pairs be there, each with a visitor, and many with a light."""
        await self._booth.hub.register_many((pair.charger, pair.widget) for pair in self.pairs)
        async with await AsyncConnection.connect(self._booth.postgres.dsn) as connection:
            await connection.execute(
                _OPEN_RENTALS, (list(self._rentals.values()), list(self._rentals))
            )
        await self.say(self.before)

    async def change(self) -> None:
        """Make the 100 changes; phones that come are nearly empty, and have said so."""
        for pair in self.handed:
            await self._collect(pair, "keep")
            await self._open(pair.charger, pair.widget)
        for first, second in zip(self.swapped[::2], self.swapped[1::2], strict=True):
            for pair in first, second:
                await self._collect(pair, "end")
            await self._open(first.charger, second.widget)
            await self._open(second.charger, first.widget)
        for pair in self.gone:
            await self._collect(pair, "end")
            await self._send("DELETE", f"/chargers/{pair.charger}")
        for pair in self.new:
            for path in f"/chargers/{pair.charger}", f"/widgets/{pair.widget}":
                await self._send("PUT", path, {})
            await self._open(pair.charger, pair.widget)
        here = [*self.handed, *self.swapped, *self.new]
        await self.say({pair.charger: LOW for pair in here})

    def after_restore(self) -> dict[str, Seen]:
        """Return how all lights must be before any charger says anything.

        Of what was changed none is lit: neither by the phone of before, nor by the one that came.
        """
        return (
            {pair.charger: DARK for pair in self.left_alone}
            | {charger: right(level) for charger, level in self.before.items()}
            | {pair.charger: DARK for pair in self.changed}
            | {pair.charger: NOT_REGISTERED for pair in self.new}
        )

    async def look(self, ids: Sequence[str]) -> dict[str, Seen]:
        """Return how the lights of chargers are."""
        names = Names(64)
        bus = bus_to(self._booth.redis.url)
        reader = StateReader(bus, names)
        found: dict[str, Seen] = {}
        for at in range(0, len(ids), _AT_ONCE):
            raws, environment = await reader.chargers(ids[at : at + _AT_ONCE])
            for raw in raws:
                facts = charger_facts(raw, environment, reader.partition_of(raw.id))
                if facts is None:
                    found[raw.id] = NOT_REGISTERED
                    continue
                lit = facts.state.status
                judgement = judge_light(facts, to_datetime(environment.now))
                found[raw.id] = Seen(judgement, lit.status if lit else None)
        await bus.close()
        return found

    async def say(self, levels: Mapping[str, int]) -> None:
        """Have chargers connect, say a level, and leave once their lights are right.

        Raises:
            AssertionError: Some are not right for minutes.
        """
        waiting = list(levels.items())
        while waiting:
            left, waiting = dict(waiting[:_AT_ONCE]), waiting[_AT_ONCE:]
            deadline = time.monotonic() + _SAY_SECONDS
            while left:
                assert time.monotonic() < deadline, f"not right: {sorted(left)}"
                visits = await asyncio.gather(*(self._visit(*each) for each in left.items()))
                left = await self._not_right(left)
                for visit in visits:
                    visit.transport.abort()

    async def _not_right(self, levels: Mapping[str, int]) -> dict[str, int]:
        """Return whose lights are not right a moment later: they may have to connect again."""
        deadline = time.monotonic() + _VISIT_SECONDS
        while True:
            found = await self.look(list(levels))
            wrong = {each: levels[each] for each in found if found[each] != right(levels[each])}
            if not wrong or time.monotonic() > deadline:
                return wrong
            await asyncio.sleep(0.1)

    async def _visit(self, charger: str, level: int) -> "_Visit":
        port = self._booth.balancer.chargers.port
        loop = asyncio.get_running_loop()
        _, visit = await loop.create_connection(lambda: _Visit(charger, level), HOST, port)
        return visit

    async def _collect(self, pair: Pair, pairing: str) -> None:
        path = f"/rentals/{self._rentals[pair.charger]}/collection"
        await self._send("PUT", path, {"pairing": pairing})

    async def _open(self, charger: str, widget: str) -> None:
        wish = {"charger": charger, "widget": widget, "ticket": "after"}
        await self._send("PUT", f"/rentals/{uuid.uuid4()}", wish)

    async def _send(self, method: str, path: str, body: object = None) -> None:
        hub = self._booth.hub
        answer = await hub.client.request(method, hub.registry_url + path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"


class _Visit(RawDevice):
    """A charger that says its level."""

    def __init__(self, charger: str, level: int) -> None:
        super().__init__(f"/chargers/{charger}")
        self._reading = reading(level)

    def on_answer(self, status: int, head: bytes) -> None:  # noqa: ARG002
        if status == 101:
            # Not together with the handshake: that may have begun before the pairing.
            self.transport.write(self._reading)

    def on_ping(self) -> None:
        # By the first one the gateway asks what was sent before it knew the pairing.
        self.transport.write(self._reading)
