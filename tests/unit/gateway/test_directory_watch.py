"""Changes of the directory are noticed: by their doorbells, or else by their versions."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from services.gateway import directory_watch
from services.gateway.directory_watch import DirectoryWatch
from shared.bus.bus import BusUnavailableError
from shared.bus.script import Argument
from shared.contract.names import Names
from tests.unit.shared.fake_bus import FakeBus
from tests.unit.shared.no_delay import NoDelay
from tests.unit.shared.running import running

NAMES = Names(2)
ALL: list[tuple[str, int, list[str]]] = [
    (kind, number, []) for kind in ("charger", "widget") for number in (0, 1)
]


class VersionsBus(FakeBus):
    """Answers all GETs from a script of answers, then waits for ever."""

    def __init__(self, *answers: list[bytes | None] | Exception) -> None:
        super().__init__()
        self._answers = list(answers)
        self.roles: list[bytes] = []
        self.asked: list[Sequence[Sequence[Argument]]] = []
        self.done = asyncio.Event()

    async def commands(
        self, commands: Sequence[Sequence[Argument]], *, return_errors: bool = False
    ) -> list[object]:
        assert not return_errors
        if not self._answers:
            self.done.set()
            await asyncio.Event().wait()
        self.asked.append(commands)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return [[self.roles.pop(0) if self.roles else b"master", 0], *answer]


class Watched:
    """A watch and what it told."""

    def __init__(self, bus: VersionsBus | None = None) -> None:
        self.told: list[tuple[str, int, list[str]]] = []
        self.replicas = 0
        self.bus = bus or VersionsBus()
        self.watch = DirectoryWatch(
            self.bus,
            NAMES,
            chargers=lambda partition, ids: self.told.append(("charger", partition, ids)),
            widgets=lambda partition, ids: self.told.append(("widget", partition, ids)),
            on_replica=self._replica,
            rng=NoDelay(),
        )

    def _replica(self) -> None:
        self.replicas += 1

    @asynccontextmanager
    async def compared(self) -> AsyncIterator[None]:
        """Have all that the bus answers compared."""
        async with running(self.watch.compare()):
            async with asyncio.timeout(30):
                await self.bus.done.wait()
            yield


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_watch, "_COMPARE_SECONDS", 0)


def test_it_listens_to_every_tag() -> None:
    assert sorted(Watched().watch.channels) == sorted(
        names.directory_changes for names in (*NAMES.chargers, *NAMES.widgets)
    )


@pytest.mark.parametrize(
    ("channel", "kind", "partition"),
    [
        (NAMES.chargers[0].directory_changes, "charger", 0),
        (NAMES.chargers[1].directory_changes, "charger", 1),
        (NAMES.widgets[0].directory_changes, "widget", 0),
        (NAMES.widgets[1].directory_changes, "widget", 1),
    ],
)
def test_a_doorbell_tells_who_changed(channel: str, kind: str, partition: int) -> None:
    watched = Watched()
    watched.watch.on_message(channel, b'{"ids":["x1","x2"]}')
    watched.watch.on_message(channel, b'{"ids":[],"more":1}')
    assert watched.told == [(kind, partition, ["x1", "x2"]), (kind, partition, [])]


PAYLOADS = [b"", b"hello", b"{}", b'{"ids":"x1"}', b'{"ids":[1]}', b"\xff", b'{"ids":["\xff"]}']


@pytest.mark.parametrize("payload", [None, *PAYLOADS])
def test_a_confirmed_channel_and_a_bad_doorbell_have_all_of_a_tag_looked_at(
    payload: bytes | None,
) -> None:
    watched = Watched()
    if payload is None:
        watched.watch.on_confirmed([NAMES.widgets[1].directory_changes])
    else:
        watched.watch.on_message(NAMES.widgets[1].directory_changes, payload)
    assert watched.told == [("widget", 1, [])]


async def test_at_first_all_that_is_there_is_looked_at() -> None:
    watched = Watched(VersionsBus([b"1", b"1", b"1", b"1"]))
    assert not watched.watch.complete
    async with watched.compared():
        assert watched.told == ALL
        assert watched.watch.complete
    assert watched.bus.asked == [
        [["ROLE"], *(["GET", n.directory_version] for n in (*NAMES.chargers, *NAMES.widgets))]
    ]


async def test_only_what_changed_is_looked_at_again() -> None:
    watched = Watched(VersionsBus([b"1"] * 4, [b"1"] * 4, [b"1", b"1", b"2", b"1"]))
    async with watched.compared():
        assert watched.told == [*ALL, ("widget", 0, [])]


async def test_what_is_not_there_is_not_looked_at_until_it_is_back() -> None:
    watched = Watched(VersionsBus([b"1"] * 4, [None] * 4))
    async with watched.compared():
        assert watched.told == ALL
        assert watched.watch.seen
        assert not watched.watch.complete
    watched = Watched(VersionsBus([b"1"] * 4, [None] * 4, [b"1"] * 4))
    async with watched.compared():
        assert watched.told == [*ALL, *ALL]
        assert watched.watch.complete


@pytest.mark.parametrize("missing", range(4))
async def test_one_missing_tag_makes_the_directory_incomplete(missing: int) -> None:
    versions: list[bytes | None] = [b"1"] * 4
    versions[missing] = None
    watched = Watched(VersionsBus(versions))
    async with watched.compared():
        assert watched.watch.seen
        assert not watched.watch.complete


async def test_a_redis_that_is_away_changes_nothing() -> None:
    away = BusUnavailableError("away")
    watched = Watched(VersionsBus(away, away, [b"1"] * 4, away, [b"1"] * 4))
    async with watched.compared():
        assert watched.told == ALL
        assert watched.watch.complete
        assert len(watched.bus.asked) == 5


async def test_a_replica_is_not_believed() -> None:
    # Demoted while we were connected: reading would go on to work, and be out of date.
    bus = VersionsBus([b"1"] * 4, [b"1"] * 4)
    bus.roles = [b"slave"]
    watched = Watched(bus)
    async with watched.compared():
        assert bus.dropped_because == ["it is a replica"]
        assert watched.replicas == 1
        assert watched.told == ALL  # from the second answer, of a master
