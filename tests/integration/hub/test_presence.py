"""Who is online, and where: told when it changes, healed when Redis or a gateway was lost."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.gateway import scripts
from services.gateway.app import Gateway
from services.gateway.presence.presence import Times
from services.gateway.settings import GatewaySettings
from shared.bus.bus import Bus
from shared.bus.script import Call
from shared.contract.names import GATEWAYS
from shared.process.runtime import Background
from tests.fixtures.redis_at import bus_to, hearing, held_up, url_of
from tests.integration.hub.booth import CHARGED, Booth, Stored, reading, receipt, received
from tests.integration.hub.conftest import HOST, StartGateway, StartRouter
from tools.servers.ports import free_port

TIMES = Times(renew=0.1, dead=60.0, forget=120.0)
"""Heartbeats come faster than in life, and nobody counts as dead: all gateways are in one event
loop, which may stand still on a busy machine."""

MORTAL = Times(renew=0.1, dead=3.0, forget=6.0)
"""For a test in which one is to be found dead, a good deal faster than in life."""


@dataclass
class Seat:
    """A gateway of the test, which can be killed: from then on nothing of it is said."""

    name: str
    gateway: Gateway
    booth: Booth
    kill: Callable[[], Awaitable[None]]


@asynccontextmanager
async def _seated(redis_url: str, name: str, times: Times) -> AsyncIterator[Seat]:
    settings = GatewaySettings(
        redis_url=url_of("gateway", redis_url),
        host=HOST,
        instance_id=name,
        charger_port=free_port(),
        widget_port=free_port(),
    )
    gateway = Gateway(settings, times)
    connections = AsyncExitStack()
    gateway.open(connections)
    async with asyncio.TaskGroup() as group:
        background = Background(group)
        gateway.start(background)
        servers = await gateway.listen()

        async def kill() -> None:
            await background.stop()
            for server in servers:
                server.close()
            for connection in list(gateway.context.connections):
                connection.abort()
            await connections.aclose()

        booth = Booth(HOST, settings.charger_port, settings.widget_port, kill)
        try:
            yield Seat(name, gateway, booth, kill)
        finally:
            await kill()


StartSeat = Callable[..., Awaitable[Seat]]


@pytest.fixture
async def start_seat(redis_url: str, stored: Stored) -> AsyncIterator[StartSeat]:
    """Give a function that starts a gateway under a name; c1234 and wABCD are registered."""
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    async with AsyncExitStack() as stack:

        async def start(name: str, times: Times = TIMES) -> Seat:
            return await stack.enter_async_context(_seated(redis_url, name, times))

        yield start


@dataclass
class Seen:
    """What is stored of who is online, and what was announced of it."""

    stored: Stored
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    async def charger(self, charger: str = "c1234") -> dict[str, Any]:
        return await self._entry(self.stored.names.of_charger(charger).presence, charger)

    async def widget(self, widget: str = "wABCD") -> dict[str, Any]:
        return await self._entry(self.stored.names.of_widget(widget).presence, widget)

    async def _entry(self, key: str, device_id: str) -> dict[str, Any]:
        raw = await self.stored.client.hget(key, device_id)
        with contextlib.suppress(ValueError, TypeError):
            return dict(json.loads(raw))
        return {}  # none, or a broken one

    async def online(self, charger: str = "c1234") -> str | None:
        entry = await self.charger(charger)
        return entry.get("gateway") if "left" not in entry else None

    async def until_online(self, *gateways: str | None) -> None:
        """Return once c1234 is online at one of these (None: offline)."""

        async def there() -> bool:
            return await self.online() in gateways and bool(await self.charger())

        await self.stored.until(there)

    async def until_widget_at(self, *gateways: str) -> None:
        async def there() -> bool:
            entry = await self.widget()
            return set(entry.get("gateways", ["none"])) == set(gateways)

        await self.stored.until(there)

    async def until_both_at(self, gateway: str) -> None:
        await self.until_online(gateway)
        await self.until_widget_at(gateway)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for _, payload in self.heard]

    def told(self) -> list[tuple[bool, str]]:
        return [(event["online"], event["gateway"]) for event in self.events]

    async def until_told(self, *said: tuple[bool, str]) -> None:
        async def heard() -> bool:
            return self.told() == list(said)

        await self.stored.until(heard)


@pytest.fixture
async def seen(stored: Stored, redis_url: str) -> AsyncIterator[Seen]:
    seen = Seen(stored)
    names = stored.names
    async with hearing(
        redis_url,
        names.of_charger("c1234").presence_changes,
        names.of_widget("wABCD").presence_changes,
    ) as seen.heard:
        yield seen


async def test_a_charger_is_online_while_it_is_connected(start_seat: StartSeat, seen: Seen) -> None:
    seat = await start_seat("gateway-a")
    async with seat.booth.charger("c1234"):
        await seen.until_online("gateway-a")
        entry = await seen.charger()
        live = await seen.stored.live("c1234")
        assert live is not None
        assert set(entry) == {"gateway", "epoch", "since"}
        assert entry["epoch"] == live["epoch"]
        assert abs(entry["since"] - entry["epoch"]) < 10_000_000
    await seen.until_online(None)
    gone = await seen.charger()
    assert gone.pop("left") >= entry["since"]
    assert gone == entry
    await seen.until_told((True, "gateway-a"), (False, "gateway-a"))
    assert [event["charger"] for event in seen.events] == ["c1234", "c1234"]
    assert seen.events[0]["at"] == entry["since"]


async def test_what_nobody_changes_is_sent_again_now_and_then_only(
    start_seat: StartSeat, seen: Seen
) -> None:
    seat = await start_seat("gateway-a")
    async with seat.booth.charger("c1234"):
        await seen.until_online("gateway-a")
        key = seen.stored.names.of_charger("c1234").presence
        await seen.stored.client.hdel(key, "c1234")
        await seen.until_online("gateway-a")  # its partition's turn: one of 30 heartbeats
        await seen.stored.client.hdel(key, "c1234")
        first = await seen.stored.client.zscore(GATEWAYS, "gateway-a")

        async def renewed_often() -> bool:
            now = await seen.stored.client.zscore(GATEWAYS, "gateway-a")
            return bool(now > first + 500_000)

        await seen.stored.until(renewed_often)
        assert await seen.charger() == {}


@pytest.mark.parametrize("gateways", [1, 2])
async def test_the_end_of_an_old_connection_never_takes_a_new_one_offline(
    start_seat: StartSeat, seen: Seen, gateways: int
) -> None:
    one = await start_seat("gateway-a")
    other = one if gateways == 1 else await start_seat("gateway-b")
    async with one.booth.charger("c1234") as old:
        await seen.until_online("gateway-a")
        first = (await seen.charger())["epoch"]
        async with other.booth.charger("c1234"):

            async def newer() -> bool:
                return bool((await seen.charger())["epoch"] > first)

            await seen.stored.until(newer)
            entry = await seen.charger()
            await old.close()

            async def old_one_is_gone() -> bool:
                unsent = one.gateway.connected_chargers.has_unsent
                return len(one.gateway.context.connections) == 2 - gateways and not unsent

            await seen.stored.until(old_one_is_gone)
            # The next one's coming shows that whatever the end led to was written.
            await seen.stored.put_charger("c2", {"pairing": 8})
            async with one.booth.charger("c2"):

                async def next_is_there() -> bool:
                    return await seen.online("c2") == "gateway-a"

                await seen.stored.until(next_is_there)
            assert await seen.charger() == entry
            assert entry["gateway"] == other.name
        await seen.until_online(None)
    said = [(True, "gateway-a"), (False, "gateway-a")]
    if gateways == 2:
        said = [(True, "gateway-a"), (True, "gateway-b"), (False, "gateway-b")]
    await seen.until_told(*said)


async def test_a_widget_is_online_until_the_last_of_its_connections_ends(
    start_seat: StartSeat, seen: Seen
) -> None:
    one, other = await start_seat("gateway-a"), await start_seat("gateway-b")
    async with one.booth.widget("wABCD") as first:
        await seen.until_widget_at("gateway-a")
        async with other.booth.widget("wABCD"), one.booth.widget("wABCD"):
            await seen.until_widget_at("gateway-a", "gateway-b")
            await first.close()
        await seen.until_widget_at()
    entry = await seen.widget()
    assert entry["gateways"] == {}
    assert entry["left"] > 0
    assert seen.told()[0] == (True, "gateway-a")
    assert (True, "gateway-b") in seen.told()
    await seen.stored.until(_last_said(seen, online=False))
    assert sum(1 for online, _ in seen.told() if not online) == 1


async def test_an_unregistered_device_is_nowhere(start_seat: StartSeat, seen: Seen) -> None:
    seat = await start_seat("gateway-a")
    gateway = seat.gateway
    for device in ("ghost", "gone"):
        await seen.stored.put_charger("gone", {"pairing": 9, "unregistered": True})
        await seen.stored.put_widget("gone", {"pairing": 9, "unregistered": True})
        gateway.connected_chargers.connect(
            device, seen.stored.names.of_charger(device).partition, 5
        )
        gateway.connected_widgets.connect(device, seen.stored.names.of_widget(device).partition)
    async with seat.booth.charger("c1234"):
        await seen.until_online("gateway-a")
        for device in ("ghost", "gone"):
            assert await seen.charger(device) == {}
            assert await seen.widget(device) == {}


async def test_a_killed_gateways_devices_go_offline_once(start_seat: StartSeat, seen: Seen) -> None:
    killed, *others = [
        await start_seat(name, MORTAL) for name in ("gateway-a", "gateway-b", "gateway-c")
    ]
    async with killed.booth.charger("c1234"), killed.booth.widget("wABCD"):
        await seen.until_both_at("gateway-a")
        async with others[0].booth.widget("wABCD"):
            await seen.until_widget_at("gateway-a", "gateway-b")
            await killed.kill()
            heard = round(await seen.stored.client.zscore(GATEWAYS, "gateway-a"))
            await seen.until_online(None)
            entry = await seen.charger()
            assert entry["left"] == max(heard, entry["since"])
            # The widget is still online where it has another connection.
            await seen.until_widget_at("gateway-b")
    await seen.until_widget_at()

    async def taken_off_the_list() -> bool:
        return await seen.stored.client.zscore(GATEWAYS, "gateway-a") is None

    assert not await taken_off_the_list()
    await seen.stored.until(taken_off_the_list)
    chargers = [event["online"] for event in seen.events if "charger" in event]
    assert chargers == [True, False]


@pytest.mark.parametrize("name", ["gateway-a", "gateway-b"])
async def test_the_next_gateway_sweeps_up_after_a_dead_one_whatever_its_name(
    start_seat: StartSeat, seen: Seen, name: str
) -> None:
    killed = await start_seat("gateway-a", MORTAL)
    async with killed.booth.charger("c1234"), killed.booth.widget("wABCD"):
        await seen.until_both_at("gateway-a")
        await killed.kill()
    again = await start_seat(name, MORTAL)
    await seen.until_online(None)
    await seen.until_widget_at()
    async with again.booth.charger("c1234"):
        await seen.until_online(name)


async def test_a_gateway_that_slept_is_swept_and_tells_everything_when_it_wakes(
    start_seat: StartSeat, seen: Seen
) -> None:
    sleeper, _ = [await start_seat(name, MORTAL) for name in ("gateway-a", "gateway-b")]
    async with sleeper.booth.charger("c1234"), sleeper.booth.widget("wABCD"):
        await seen.until_both_at("gateway-a")
        before = await seen.charger()
        # It sleeps: nothing of it is said, while its connections stay.
        async with held_up(sleeper.gateway.presence_bus):
            await seen.until_online(None)
            await seen.until_widget_at()
        await seen.until_both_at("gateway-a")
        after = await seen.charger()
        assert after["epoch"] == before["epoch"]
        assert after["since"] > before["since"]


async def test_after_an_emptied_redis_everybody_is_told_again(
    start_seat: StartSeat, seen: Seen
) -> None:
    seat = await start_seat("gateway-a")
    async with seat.booth.charger("c1234"), seat.booth.widget("wABCD"):
        await seen.until_both_at("gateway-a")
        epoch = (await seen.charger())["epoch"]
        await seen.stored.client.flushall()
        # Nobody is known now: told as soon as the directory is there.
        await seen.stored.pair("c1234", "wABCD", 7)
        await seen.stored.complete()
        await seen.until_both_at("gateway-a")
        assert (await seen.charger())["epoch"] == epoch


async def test_after_a_lost_connection_what_redis_missed_is_healed_both_ways(
    start_seat: StartSeat, seen: Seen
) -> None:
    # As a promoted replica may have it: one that came is missing, one that left is there.
    seat = await start_seat("gateway-a")
    async with seat.booth.charger("c1234"):
        await seen.until_online("gateway-a")
        names = seen.stored.names
        await seen.stored.client.hdel(names.of_charger("c1234").presence, "c1234")
        stale = {"gateway": "gateway-a", "epoch": 5, "since": 5}
        foreign = {"gateway": "gateway-b", "epoch": 5, "since": 5}
        await _put(seen.stored, names.of_charger("c2").presence, "c2", stale)
        await _put(seen.stored, names.of_charger("c3").presence, "c3", foreign)
        widget = {"gateways": {"gateway-a": 5, "gateway-b": 5}}
        await _put(seen.stored, names.of_widget("wABCD").presence, "wABCD", widget)
        await seen.stored.client.client_kill_filter(_type="normal", skipme=True)
        await seen.until_online("gateway-a")
        await seen.until_widget_at("gateway-b")

        async def stale_one_left() -> bool:
            return "left" in await seen.charger("c2")

        await seen.stored.until(stale_one_left)
        assert await seen.charger("c3") == foreign


async def test_a_drained_gateway_leaves_with_all_its_devices(
    start_gateway: StartGateway, stored: Stored, seen: Seen
) -> None:
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    booth = await start_gateway(instance_id="gateway-a")
    async with booth.charger("c1234"), booth.widget("wABCD"):
        await seen.until_both_at("gateway-a")
        await booth.stop()
        assert await seen.online() is None
        assert (await seen.widget())["gateways"] == {}
        assert await stored.client.zcard(GATEWAYS) == 0


async def test_broken_values_in_redis_stop_neither_gateway_nor_lights(
    start_seat: StartSeat, start_router: StartRouter, seen: Seen
) -> None:
    names = seen.stored.names
    client = seen.stored.client
    seat = await start_seat("gateway-a")
    await start_router()
    for broken in ("no json", "[]", '"x"', "{}", '{"epoch":"x","gateways":[1]}', "null"):
        await client.hset(names.of_charger("c1234").presence, "c1234", broken)
        await client.hset(names.of_widget("wABCD").presence, "wABCD", broken)
        async with seat.booth.charger("c1234"), seat.booth.widget("wABCD"):
            await seen.until_both_at("gateway-a")
    await client.zadd(GATEWAYS, {b"\xff": 1, "x": "inf", "y": "-inf", "gateway-a": "inf"})
    await seen.stored.until(lambda: _renewed(seen.stored))
    await client.set(GATEWAYS, "no sorted set")
    await client.delete(names.of_charger("c1234").presence)
    await client.set(names.of_charger("c1234").presence, "no hash")
    async with seat.booth.charger("c1234") as charger, seat.booth.widget("wABCD") as widget:
        await charger.send(reading(100))
        await receipt(charger)
        assert await received(widget) == CHARGED
        await client.delete(GATEWAYS, names.of_charger("c1234").presence)
        await seen.until_online("gateway-a")


async def test_a_broken_key_of_one_tag_hides_no_device_of_another(
    start_seat: StartSeat, seen: Seen
) -> None:
    names, client = seen.stored.names, seen.stored.client
    broken = names.of_charger("c1234").presence
    assert names.of_charger("c2").presence != broken
    await client.set(broken, "no hash")
    await seen.stored.put_charger("c2", {"pairing": 8})
    seat = await start_seat("gateway-a")
    async with seat.booth.charger("c1234"), seat.booth.charger("c2"), seat.booth.widget("wABCD"):
        await seen.stored.until(lambda: seen.online("c2"))
        await seen.until_widget_at("gateway-a")
        await client.delete(broken)
        await seen.until_online("gateway-a")


@pytest.fixture
async def bus(redis_url: str, stored: Stored) -> AsyncIterator[Bus]:
    """For scripts; c1234 and wABCD are registered."""
    await stored.pair("c1234", "wABCD", 7)
    await stored.complete()
    bus = bus_to(redis_url)
    yield bus
    await bus.close()


async def _now(stored: Stored) -> int:
    seconds, micros = await stored.client.time()
    return int(seconds * 1_000_000 + micros)


async def _attend(
    bus: Bus, stored: Stored, gateway: str, *words: int | str, deadline: int, alive_since: int = 1
) -> list[bytes]:
    """Run the script for the kind of the first id."""
    is_charger = str(words[0]).startswith("c")
    names = stored.names.of_charger("c1234") if is_charger else stored.names.of_widget("wABCD")
    call = Call(
        scripts.UPDATE_CHARGER_PRESENCE if is_charger else scripts.UPDATE_WIDGET_PRESENCE,
        (names.directory, names.directory_version, names.presence),
        [names.presence_changes, gateway, alive_since, deadline, *words],
    )
    (answers,) = await bus.run([call])
    return list(answers)


async def test_what_comes_too_late_is_refused(bus: Bus, stored: Stored, seen: Seen) -> None:
    now = await _now(stored)
    for device, epoch in (("c1234", 5), ("wABCD", 0)):
        late = await _attend(bus, stored, "gateway-a", device, epoch, 1, deadline=now - 1)
        assert late == [b"late"]
    assert (await seen.charger(), await seen.widget()) == ({}, {})
    for device, epoch in (("c1234", 5), ("wABCD", 0)):
        soon = now + 60_000_000
        assert await _attend(bus, stored, "gateway-a", device, epoch, 1, deadline=soon) == [
            b"noted"
        ]
        late = await _attend(bus, stored, "gateway-a", device, epoch, 0, deadline=now - 1)
        assert late == [b"late"]
    assert await seen.online() == "gateway-a"
    assert set((await seen.widget())["gateways"]) == {"gateway-a"}


async def test_a_sweep_leaves_alone_what_was_noted_after_its_gateway_was_found_dead(
    bus: Bus, stored: Stored, seen: Seen
) -> None:
    found_dead = await _now(stored)
    soon = found_dead + 60_000_000

    async def sweep(until: int) -> int:
        chargers, widgets = stored.names.of_charger("c1234"), stored.names.of_widget("wABCD")
        swept = await bus.run(
            [
                Call(script, (names.presence,), [names.presence_changes, "gateway-a", until, 3])
                for script, names in (
                    (scripts.SWEEP_CHARGERS, chargers),
                    (scripts.SWEEP_WIDGETS, widgets),
                )
            ]
        )
        return int(sum(swept))

    async def attend(alive_since: int) -> None:
        for device, epoch in (("c1234", 5), ("wABCD", 0)):
            said = (device, epoch, 1)
            await _attend(bus, stored, "gateway-a", *said, deadline=soon, alive_since=alive_since)

    await attend(1)
    noted_before = await _now(stored)
    # It wakes up, and says again who is there; only then comes the sweep.
    await attend(noted_before)
    assert await sweep(noted_before) == 0
    assert await seen.online() == "gateway-a"
    # While it is not known to have slept, saying it again changes nothing.
    entry, widget = await seen.charger(), await seen.widget()
    await attend(noted_before)
    assert (await seen.charger(), await seen.widget()) == (entry, widget)
    assert await sweep(await _now(stored)) == 2
    assert await sweep(await _now(stored)) == 0
    assert (await seen.charger())["left"] == entry["since"]  # never before it came


async def test_a_sweep_leaves_a_charger_online_whose_newer_connection_was_not_told_yet(
    bus: Bus, stored: Stored, seen: Seen
) -> None:
    soon = await _now(stored) + 60_000_000
    await _attend(bus, stored, "gateway-a", "c1234", 5, 1, deadline=soon)
    entry = await seen.charger()
    names = stored.names.of_charger("c1234")

    async def sweep(staying: int) -> list[object]:
        words: list[str | int] = [names.presence_changes, "gateway-a", await _now(stored), 0]
        words += ("c1234", staying)
        return await bus.run([Call(scripts.SWEEP_CHARGERS, (names.presence,), words)])

    for staying in (5, 6):
        assert await sweep(staying) == [0]
        assert await seen.charger() == entry
    assert await sweep(4) == [1]
    await seen.until_told((True, "gateway-a"), (False, "gateway-a"))


async def test_the_newest_connections_end_counts_though_its_beginning_was_never_told(
    bus: Bus, stored: Stored, seen: Seen
) -> None:
    soon = await _now(stored) + 60_000_000
    await _attend(bus, stored, "gateway-a", "c1234", 5, 1, deadline=soon)
    await _attend(bus, stored, "gateway-b", "c1234", 6, 0, deadline=soon)
    assert (await seen.charger())["epoch"] == 6
    assert await seen.online() is None
    # Neither does an older one come online after it, nor does a left one leave again.
    assert await _attend(bus, stored, "gateway-a", "c1234", 5, 1, deadline=soon) == [b"superseded"]
    left = (await seen.charger())["left"]
    await _attend(bus, stored, "gateway-b", "c1234", 6, 0, deadline=soon)
    assert (await seen.charger())["left"] == left


async def test_one_that_was_never_here_does_not_leave(bus: Bus, stored: Stored, seen: Seen) -> None:
    soon = await _now(stored) + 60_000_000
    for device in ("c1234", "wABCD"):
        await _attend(bus, stored, "gateway-a", device, 5, 0, deadline=soon)
    assert (await seen.charger(), await seen.widget()) == ({}, {})
    assert seen.events == []


async def _renewed(stored: Stored) -> bool:
    return bool(0 < await stored.client.zscore(GATEWAYS, "gateway-a") < 2**53)


def _last_said(seen: Seen, *, online: bool) -> Callable[[], Awaitable[bool]]:
    async def said() -> bool:
        return bool(seen.told()) and seen.told()[-1][0] is online

    return said


async def _put(stored: Stored, key: str, device_id: str, entry: dict[str, Any]) -> None:
    await stored.client.hset(key, device_id, json.dumps(entry, separators=(",", ":")))
