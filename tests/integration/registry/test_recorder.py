"""Transitions on their way from the stream into rentals: none lost, none doubled."""

import random
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.registry.postgres.conditions import LOCKED, PostgresUnavailableError
from services.registry.postgres.database import Database
from services.registry.postgres.troubles import Troubles
from services.registry.rentals import rentals as rentals_module
from services.registry.rentals.transition_recorder import TransitionRecorder
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.single_server_bus import SingleServerBus
from shared.contract.names import Names
from tests.fixtures.fault_proxy import stalling_proxy
from tests.fixtures.redis_at import address_of, bus_to, is_cluster_wanted, url_at
from tests.integration.registry.conftest import (
    PARTITIONS,
    By,
    RunningRegistry,
    StartRegistry,
    eventually,
)
from tools.servers.postgres.server import PostgresServer

SOON_MS = 100
GROUP = "rentals"


class Streams:
    """The streams as routers fill them."""

    def __init__(self, bus: Bus, names: Names) -> None:
        self._bus = bus
        self._names = names

    async def add(
        self, status: str, pairing: int, charger: str = "c1", widget: str = "w1", at: str = "*"
    ) -> str:
        key = self._names.of_widget(widget).transitions
        entry: bytes = await self._bus.command(
            *("XADD", key, at, "charger", charger, "widget", widget),
            *("pairing", pairing, "status", status),
        )
        return entry.decode()

    async def waiting(self) -> int:
        """How many are in the streams, taken or not."""
        keys = [tag.transitions for tag in self._names.widgets]
        return sum(await self._bus.commands([("XLEN", key) for key in keys]))

    async def taken(self) -> int:
        """How many a registry has that it did not acknowledge."""
        keys = [tag.transitions for tag in self._names.widgets]
        found = 0
        for key in keys:
            if await self._bus.command("EXISTS", key) and await self._bus.command(
                "XINFO", "GROUPS", key
            ):
                found += (await self._bus.command("XPENDING", key, GROUP))[0]
        return found


@pytest.fixture
def streams(bus: Bus, names: Names) -> Streams:
    return Streams(bus, names)


def recording(database: Database, bus: Bus, names: Names, **options: int) -> TransitionRecorder:
    return TransitionRecorder(
        database, bus, names, troubles=Troubles(), rng=random.Random(1), **options
    )


@pytest.fixture
async def recorder(
    database: Database, redis_url: str, names: Names
) -> AsyncIterator[TransitionRecorder]:
    own = bus_to(redis_url, "recorder")
    yield recording(database, own, names, abandoned_ms=SOON_MS)
    await own.close()


class Rentals:
    """Rows, as an operator's requests would have made them."""

    def __init__(self, by_hand: By) -> None:
        self._by_hand = by_hand

    async def open(self, number: int, charger: str = "c1", *, ended: int | None = None) -> str:
        rental = str(uuid.uuid4())
        await self._by_hand.execute(
            "INSERT INTO rentals (id, charger_id, pairing_number, opened_at, ended_number,"
            " collected_at) VALUES (%s, %s, %s, 'epoch', %s, %s)",
            (rental, charger, number, ended, datetime.now(UTC) if ended else None),
        )
        return rental

    async def of(self, rental: str) -> tuple[datetime | None, datetime | None]:
        cursor = await self._by_hand.execute(
            "SELECT reached_80_at, reached_100_at FROM rentals WHERE id = %s", (rental,)
        )
        row = await cursor.fetchone()
        assert row is not None
        return row[0], row[1]


@pytest.fixture
def rentals(by_hand: By) -> Rentals:
    return Rentals(by_hand)


def at(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


async def test_times_are_recorded_and_the_streams_emptied(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals
) -> None:
    rental = await rentals.open(7)
    await streams.add("charging", 7, at="1000-0")
    await streams.add("charging80", 7, at="2000-0")
    assert await recorder.record_some() is False
    assert await rentals.of(rental) == (at(2000), None)
    await streams.add("charged", 7, at="3000-0")
    await recorder.record_some()
    assert await rentals.of(rental) == (at(2000), at(3000))
    assert (await streams.waiting(), await streams.taken()) == (0, 0)


async def test_a_phone_that_is_full_at_once_reached_both(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals
) -> None:
    rental = await rentals.open(7)
    await streams.add("charged", 7, at="3000-0")
    await recorder.record_some()
    assert await rentals.of(rental) == (at(3000), at(3000))


async def test_only_the_first_time_counts_whatever_comes_later(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals
) -> None:
    rental = await rentals.open(7)
    for second, status in enumerate(("charging80", "charging", "charging80", "charged"), 1):
        await streams.add(status, 7, at=f"{second}000-0")
        await recorder.record_some()
    # An emptied Redis: the light is lit again, which is a transition again.
    await streams.add("charged", 7, at="9000-0")
    await recorder.record_some()
    assert await rentals.of(rental) == (at(1000), at(4000))


async def test_a_clock_that_is_behind_records_nothing_before_the_hand_over(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals, by_hand: By
) -> None:
    rental = await rentals.open(7)
    await by_hand.execute("UPDATE rentals SET opened_at = to_timestamp(5)")
    await streams.add("charged", 7, at="3000-0")
    await recorder.record_some()
    assert await rentals.of(rental) == (at(5000), at(5000))


async def test_each_transition_belongs_to_the_rental_of_its_pairing(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals
) -> None:
    first = await rentals.open(7, ended=10)
    second = await rentals.open(12)
    other = await rentals.open(8, "c2")
    await streams.add("charging80", 6, at="1000-0")  # before the first
    await streams.add("charging80", 9, at="2000-0")  # its widget was replaced
    await streams.add("charged", 10, at="3000-0")  # after it ended
    await streams.add("charged", 13, at="4000-0")
    await recorder.record_some()
    assert await rentals.of(first) == (at(2000), None)
    assert await rentals.of(second) == (at(4000), at(4000))
    assert await rentals.of(other) == (None, None)


async def test_what_nobody_acknowledged_is_taken_again(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals, bus: Bus, names: Names
) -> None:
    rental = await rentals.open(7)
    await streams.add("charged", 7, at="3000-0")
    key = names.of_widget("w1").transitions
    # A registry took it and was killed.
    await bus.command("XGROUP", "CREATE", key, GROUP, "0")
    await bus.command("XREADGROUP", "GROUP", GROUP, "registry", "STREAMS", key, ">")
    assert await streams.taken() == 1

    async def is_recorded() -> bool:
        await recorder.record_some()
        return await rentals.of(rental) == (at(3000), at(3000))

    await eventually(is_recorded)
    assert (await streams.waiting(), await streams.taken()) == (0, 0)


async def test_what_was_trimmed_while_it_was_taken_is_forgotten(
    recorder: TransitionRecorder, streams: Streams, bus: Bus, names: Names
) -> None:
    entry = await streams.add("charged", 7)
    key = names.of_widget("w1").transitions
    await bus.command("XGROUP", "CREATE", key, GROUP, "0")
    await bus.command("XREADGROUP", "GROUP", GROUP, "registry", "STREAMS", key, ">")
    await bus.command("XDEL", key, entry)

    async def is_forgotten() -> bool:
        await recorder.record_some()
        return await streams.taken() == 0

    await eventually(is_forgotten)


async def test_nothing_is_acknowledged_that_postgres_does_not_have(
    private_postgres: PostgresServer, redis_url: str, names: Names, streams: Streams
) -> None:
    bus = bus_to(redis_url, "recorder")
    async with Database(private_postgres.dsn) as database:
        database.migrated.set()
        private_postgres.stop()
        recorder = recording(database, bus, names)
        await streams.add("charged", 7)
        with pytest.raises(PostgresUnavailableError):
            await recorder.record_some()
        assert (await streams.waiting(), await streams.taken()) == (1, 1)
    await bus.close()


async def test_what_is_recorded_but_not_acknowledged_is_recorded_again_without_harm(
    database: Database,
    redis_url: str,
    streams: Streams,
    rentals: Rentals,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_cluster_wanted():
        pytest.skip("is about one server: a cluster's nodes are not reached through a proxy")
    rental = await rentals.open(7)
    await streams.add("charged", 7, at="3000-0")
    async with stalling_proxy(*address_of(redis_url)) as proxy:
        bus = SingleServerBus(url_at(redis_url, proxy.port), "recorder")
        recorder = recording(database, bus, Names(PARTITIONS), abandoned_ms=SOON_MS)
        record = rentals_module.record

        async def record_and_stall(*arguments: Any) -> None:
            await record(*arguments)
            proxy.stall()

        monkeypatch.setattr(rentals_module, "record", record_and_stall)
        with pytest.raises(BusUnavailableError):
            await recorder.record_some()
        monkeypatch.undo()
        proxy.heal()
        assert await rentals.of(rental) == (at(3000), at(3000))

        async def is_acknowledged() -> bool:
            await recorder.record_some()
            return await streams.waiting() == 0

        await eventually(is_acknowledged)
        await bus.close()
    assert await rentals.of(rental) == (at(3000), at(3000))


async def test_what_no_router_wrote_is_skipped_and_removed(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals, bus: Bus, names: Names
) -> None:
    rental = await rentals.open(7)
    await bus.command("XADD", names.of_widget("w1").transitions, "*", "hello", "world")
    await streams.add("green", 7)
    await streams.add("charged", 7, at="*")
    await recorder.record_some()
    assert await rentals.of(rental) != (None, None)
    assert (await streams.waiting(), await streams.taken()) == (0, 0)


async def test_many_are_recorded_in_several_rounds(
    recorder: TransitionRecorder, streams: Streams, rentals: Rentals
) -> None:
    opened = [await rentals.open(number, f"c{number}") for number in range(1, 26)]
    for number in range(1, 26):
        await streams.add("charged", number, f"c{number}")
    rounds = 1
    while await recorder.record_some():
        rounds += 1
    assert rounds == 3
    assert [rental for rental in opened if None in await rentals.of(rental)] == []
    assert await streams.waiting() == 0


async def test_two_registries_share_the_work(
    start_registry: StartRegistry, streams: Streams, rentals: Rentals, by_hand: By
) -> None:
    assert not by_hand.closed
    for _ in range(2):
        await start_registry()
    opened = [await rentals.open(number, f"c{number}") for number in range(1, 101)]
    for number in range(1, 101):
        await streams.add("charged", number, f"c{number}", f"w{number}")

    async def all_done() -> bool:
        return (await streams.waiting(), await streams.taken()) == (0, 0)

    await eventually(all_done)
    assert [rental for rental in opened if None in await rentals.of(rental)] == []


async def test_a_stream_that_somebody_broke_keeps_no_other_from_being_recorded(
    registry: RunningRegistry, bus: Bus, names: Names, streams: Streams, rentals: Rentals
) -> None:
    broken = names.of_widget("w1")
    sound = next(f"w{n}" for n in range(2, 99) if names.of_widget(f"w{n}") != broken)
    await bus.command("SET", broken.transitions, "mine")
    rental, other = await rentals.open(7), await rentals.open(8, "c2")
    await streams.add("charged", 8, "c2", sound)

    async def is_recorded(rental: str) -> bool:
        return None not in await rentals.of(rental)

    await eventually(lambda: is_recorded(other))
    assert (await registry.send("PUT", "/chargers/c1", {})).status_code == 201
    await bus.command("DEL", broken.transitions)
    await streams.add("charged", 7)
    await eventually(lambda: is_recorded(rental))


async def test_who_reads_along_in_a_group_of_his_own_disturbs_nothing(
    recorder: TransitionRecorder, bus: Bus, names: Names, streams: Streams, rentals: Rentals
) -> None:
    rental = await rentals.open(7)
    key = names.of_widget("w1").transitions
    await bus.command("XGROUP", "CREATE", key, "dashboard", "$", "MKSTREAM")
    await streams.add("charged", 7)
    await recorder.record_some()
    assert None not in await rentals.of(rental)


async def test_recording_waits_for_whoever_changes_the_directory(
    database: Database, bus: Bus, streams: Streams, rentals: Rentals, by_hand: By
) -> None:
    # What it has read it keeps: nobody gives it out again within this test.
    recorder = recording(database, bus, Names(PARTITIONS), abandoned_ms=3_600_000)
    rental = await rentals.open(7)
    await streams.add("charged", 7)
    async with by_hand.transaction():
        await by_hand.execute("SELECT lock_directory()")
        with pytest.raises(PostgresUnavailableError) as refused:
            await recorder.record_some()
        assert refused.value.condition is LOCKED
    await recorder.record_some()
    assert None not in await rentals.of(rental)
    assert await streams.waiting() == 0
