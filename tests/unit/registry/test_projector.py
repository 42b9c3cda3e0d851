"""When the projector looks, and when a change counts as being in effect."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.registry.directory import lost_changes
from services.registry.directory import projector as module
from services.registry.directory.lost_changes import Repair, no_devices
from services.registry.directory.projection import Written
from services.registry.directory.projector import Projector
from shared.bus.bus import BusUnavailableError
from shared.contract.devices import Kind


class FakeDirectory:
    """Postgres and Redis as far as the projector sees them."""

    def __init__(self) -> None:
        self.greatest = 0
        self.token = "first"
        self.repaired: list[int] = []
        self.complete = False
        self.writes_that_fail = 0
        self.losses = 0
        self.in_a_change = asyncio.Event()
        self.log: list[str] = []
        self.in_a_full_projection = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.full_again = asyncio.Event()
        self.migrated = asyncio.Event()
        self.migrated.set()

    def on_reconnected(self, _callback: object) -> None:
        pass

    @contextlib.asynccontextmanager
    async def take(self, _database: object) -> AsyncIterator[Any]:
        yield self

    async def greatest_number(self) -> int:
        return self.greatest

    async def secrets(self, kind: Kind, after: int, _write: object) -> None:
        self.log.append(f"secrets of {kind}s after {after}")

    async def widgets(self, after: int, _write: object) -> None:
        self.log.append(f"widgets after {after}")

    async def chargers(self, after: int, _write: object) -> None:
        self.log.append(f"chargers after {after}")

    async def unregistered_widgets(self, after: int, _write: object) -> None:
        if self.writes_that_fail:
            self.writes_that_fail -= 1
            raise BusUnavailableError("away")
        self.in_a_change.set()
        self.log.append(f"unregistered widgets after {after}")

    async def unregistered_chargers(self, after: int, _write: object) -> None:
        self.log.append(f"unregistered chargers after {after}")

    async def is_complete(self) -> bool:
        return self.complete

    async def last_token(self) -> str:
        return self.token

    async def remove_strays(self, *_: object) -> dict[Kind, Written]:
        self.in_a_full_projection.set()
        await self.may_go_on.wait()
        self.log.append("strays")
        return {}

    async def repair(
        self, _database: object, _projection: object, _suspects: object, seen: int
    ) -> Repair | None:
        if seen <= self.greatest:
            return None
        self.repaired.append(seen)
        return Repair(seen + 1, no_devices(), no_devices())

    async def complete_all(self, *_: object) -> bool:
        if self.losses:
            self.losses -= 1
            return False
        if self.complete:
            self.full_again.set()
        self.complete = True
        self.log.append("complete")
        return True

    @property
    def fulls(self) -> int:
        return self.log.count("complete")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeDirectory:
    fake = FakeDirectory()

    async def agree(*_: object) -> None:
        pass

    monkeypatch.setattr(module, "agree", agree)
    monkeypatch.setattr(module, "snapshot", fake)
    monkeypatch.setattr(lost_changes, "repair", fake.repair)
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)
    return fake


@pytest.fixture
def projector(fake: FakeDirectory) -> Projector:
    everything = cast("Any", fake)
    return Projector(
        database=everything,
        bus=everything,
        projection=cast(
            "Any",
            SimpleNamespace(
                is_complete=fake.is_complete,
                remove_strays=fake.remove_strays,
                complete=fake.complete_all,
            ),
        ),
        agreement={},
        full_seconds=3600,
        poll_seconds=3600,
        rng=random.Random(1),
    )


@pytest.fixture(autouse=True)
async def _running(projector: Projector) -> AsyncIterator[None]:
    task = asyncio.create_task(projector.run())
    yield
    assert not task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def _until(projector: Projector, number: int) -> None:
    async with asyncio.timeout(30):
        while not await projector.wait_for(number):
            pass


async def test_secrets_come_first_widgets_before_chargers_and_the_marker_last(
    fake: FakeDirectory, projector: Projector
) -> None:
    await _until(projector, 0)
    assert fake.log == [
        "secrets of chargers after 0",
        "secrets of widgets after 0",
        "widgets after 0",
        "chargers after 0",
        "strays",
        "complete",
    ]
    assert projector.not_ready_because is None


async def test_a_projection_that_lost_some_of_itself_starts_over(
    fake: FakeDirectory, projector: Projector
) -> None:
    await _until(projector, 0)
    fake.losses = 2
    fake.log.clear()
    projector.request_full_projection()
    await _until(projector, 0)
    assert (fake.log.count("strays"), fake.fulls) == (3, 1)


async def test_a_ring_projects_only_what_changed_in_the_same_order(
    fake: FakeDirectory, projector: Projector
) -> None:
    fake.greatest = 5
    await _until(projector, 5)
    fake.log.clear()
    fake.greatest = 7
    projector.request_projection()
    await _until(projector, 7)
    assert fake.log == [
        "secrets of chargers after 5",
        "secrets of widgets after 5",
        "unregistered widgets after 5",
        "widgets after 5",
        "unregistered chargers after 5",
        "chargers after 5",
    ]


async def test_a_change_is_not_in_effect_before_it_is_projected(
    fake: FakeDirectory, projector: Projector
) -> None:
    fake.greatest = 5
    await _until(projector, 5)
    assert projector.has_projected(5)
    assert not projector.has_projected(6)
    assert not await projector.wait_for(6)


async def test_in_doubt_nothing_counts_as_in_effect_until_all_is_projected(
    fake: FakeDirectory, projector: Projector
) -> None:
    await _until(projector, 0)
    projector.request_full_projection()
    assert not projector.has_projected(0)
    await _until(projector, 0)
    assert fake.fulls == 2


async def test_a_doubt_raised_during_a_full_projection_leads_to_another(
    fake: FakeDirectory, projector: Projector
) -> None:
    await _until(projector, 0)
    fake.may_go_on.clear()
    fake.in_a_full_projection.clear()
    projector.request_full_projection()
    await fake.in_a_full_projection.wait()
    projector.request_full_projection()
    fake.may_go_on.set()
    await _until(projector, 0)
    assert fake.fulls == 3


async def test_a_change_that_could_not_be_projected_is_tried_again(
    fake: FakeDirectory, projector: Projector
) -> None:
    await _until(projector, 0)
    fake.writes_that_fail = 2
    fake.greatest = 3
    fake.in_a_change.clear()
    projector.request_projection()
    async with asyncio.timeout(30):
        await fake.in_a_change.wait()  # nobody rings again
    assert (fake.writes_that_fail, fake.fulls) == (0, 1)
    await _until(projector, 3)


async def test_a_postgres_that_lost_changes_is_repaired_and_projected_again(
    fake: FakeDirectory, projector: Projector
) -> None:
    fake.greatest = 9
    await _until(projector, 9)
    fake.greatest = 4
    projector.request_projection()
    async with asyncio.timeout(30):
        await fake.full_again.wait()
    await _until(projector, 4)
    assert not projector.has_projected(5)
    assert fake.repaired == [9]


async def test_a_number_drawn_for_the_second_time_leads_to_a_full_projection(
    fake: FakeDirectory, projector: Projector
) -> None:
    fake.greatest = 9
    await _until(projector, 9)
    fake.token = "second"
    assert await projector.wait_for(9)
    assert (fake.fulls, fake.repaired) == (2, [])
    assert await projector.wait_for(9)
    assert fake.fulls == 2


async def test_a_number_that_was_reached_before_counts_only_after_another_look(
    fake: FakeDirectory, projector: Projector
) -> None:
    fake.greatest = 9
    await _until(projector, 9)
    fake.may_go_on.clear()
    fake.greatest = 4
    assert not await projector.wait_for(4)
    fake.may_go_on.set()
    await _until(projector, 4)
    assert fake.repaired == [9]


async def test_the_lag_is_what_is_known_and_not_known_to_be_in_redis(
    fake: FakeDirectory, projector: Projector
) -> None:
    await _until(projector, 0)
    assert projector.lag == 0
    fake.greatest = 7
    await _until(projector, 7)
    assert projector.lag == 0
    projector.request_full_projection()
    assert projector.lag == 7  # Redis may have been emptied
    fake.greatest = 9
    await _until(projector, 9)
    assert projector.lag == 0
