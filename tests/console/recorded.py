"""Feeds without a hub: what a registry sends, made beforehand, and the console that shows it."""

import asyncio
import gzip
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, NamedTuple
from uuid import UUID

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from services.registry.api.server import listening
from services.registry.console.pages import add_console
from services.registry.feed.encoded import encode
from services.registry.feed.positions import Position
from services.registry.feed.state import HubState, Snapshot
from services.registry.feed.tile import Tile, TileReady, TileRental
from services.registry.feed.tiles import Tiles
from shared.contract.device_protocol import ChargingStatus
from shared.process.listeners import ListenAddress
from shared.process.waiting import wait_for_event

HOST: Final = "127.0.0.1"
FEED: Final = "0123456789abcdef"
COMMENT: Final = b": ping\n\n"
WELL: Final = HubState(redis_away_since=None, postgres_away_since=None)
TICK_SECONDS: Final = 0.25
"""A registry tells what has changed so often."""
_BEGUN: Final = datetime(2026, 11, 30, 12, tzinfo=UTC)
_MOST_CONNECTIONS: Final = 100

Play = Callable[[str | None], AsyncIterator[bytes]]
"""Gives what a stream says that begins at some position."""


class Recording(NamedTuple):
    """A snapshot, and what is said in each tick after it."""

    snapshot: bytes
    ticks: Sequence[bytes]


def tile_of(number: int, level: float, *, sequence: int = 1, ticket: str | None = None) -> Tile:
    """Return the tile of a charger with a phone in it, whose light is that of its level."""
    light = ChargingStatus.CHARGING if level < 80 else ChargingStatus.CHARGING80
    if level == 100:
        light = ChargingStatus.CHARGED
    ready = None
    if level < 100:
        full_at = datetime.now(UTC) + timedelta(minutes=100 - level)
        ready = TileReady(earliest_at=full_at, latest_at=full_at + timedelta(minutes=20))
    return Tile(
        charger=f"c{number:05}",
        label=f"Phone {number}",
        booth=None,
        location="",
        widget=f"w{number:05}",
        rental=TileRental(id=UUID(int=number), ticket=ticket or f"{number:04}", opened_at=_BEGUN),
        level=level,
        light=light,
        light_since=_BEGUN,
        ready=ready,
        online=True,
        problem=None,
        pairing_number=1,
        revision=[1, sequence],
    )


def snapshot_of(tiles: Tiles, feed: str = FEED) -> bytes:
    """Return a snapshot as a registry sends it."""
    return Snapshot(str(Position(feed, tiles.number)), WELL, tiles.all(None)).text().encode()


def record(chargers: int, per_tick: int, ticks: int) -> Recording:
    """Make a feed in which phones charge; the same for each run, but for times.

    In each tick the first charger is among those that change, with the tick's number on its
    ticket.
    """
    chance = random.Random(f"{chargers} {per_tick} {ticks}")
    levels = [float(chance.randrange(101)) for _ in range(chargers)]
    tiles = Tiles()
    for number, level in enumerate(levels):
        tiles.put(tile_of(number, level))
    snapshot = snapshot_of(tiles)
    said = []
    for tick in range(1, ticks + 1):
        before = tiles.number
        for number in [0, *chance.sample(range(1, chargers), max(0, per_tick - 1))][:per_tick]:
            levels[number] = (levels[number] + 1) % 101
            ticket = f"tick {tick}" if number == 0 else None
            tiles.put(tile_of(number, levels[number], sequence=tick + 1, ticket=ticket))
        changes = tiles.after(before, None, per_tick).changes
        said.append(b"".join(encode(changes, FEED)))
    return Recording(snapshot, said)


@dataclass
class Player:
    """Plays a recording to each stream, and remembers when it said what."""

    recording: Recording
    said_at: dict[str, float] = field(default_factory=dict)
    """When a tick was sent, in seconds since 1970, by what is on the first charger's ticket."""
    begin: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to have it begin; until then there are comments."""
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    clock: Callable[[], float] = lambda: datetime.now(UTC).timestamp()

    async def play(self, _: str | None) -> AsyncIterator[bytes]:
        """Say all of it at its pace, then a comment each second."""
        loop = asyncio.get_running_loop()
        while not self.begin.is_set():
            yield COMMENT
            await wait_for_event(self.begin, 1)
        began = loop.time()
        for tick, text in enumerate(self.recording.ticks, start=1):
            await asyncio.sleep(began + tick * TICK_SECONDS - loop.time())
            self.said_at[f"tick {tick}"] = self.clock()
            yield text or COMMENT
        self.is_over.set()
        while True:
            yield COMMENT
            await asyncio.sleep(1)


@asynccontextmanager
async def playing(snapshot: bytes, play: Play) -> AsyncIterator[str]:
    """Serve the console with a feed that is played; give the console's address."""
    api = FastAPI()
    api.state.parts = SimpleNamespace(authorization=SimpleNamespace(required=False))
    add_console(api)
    answers: Mapping[str, Any] = {
        "/whoami": {"name": "anonymous", "role": "admin", "booth": None},
        "/booths": {"items": [], "next": None},
    }

    async def answer(request: Request) -> Response:
        return JSONResponse(answers[request.url.path])

    packed = gzip.compress(snapshot, 1)

    async def begin(_: Request) -> Response:
        headers = {"Content-Encoding": "gzip"}
        return Response(packed, media_type="application/json", headers=headers)

    async def stream(request: Request) -> Response:
        events = play(request.query_params.get("position"))
        return StreamingResponse(events, media_type="text/event-stream")

    for path in answers:
        api.add_route(path, answer)
    api.add_route("/live/snapshot", begin)
    api.add_route("/live", stream)
    address = ListenAddress(HOST, 0)
    async with (
        asyncio.TaskGroup() as tasks,
        listening(tasks, api, address, _MOST_CONNECTIONS) as port,
    ):
        yield f"http://{HOST}:{port}/console/"
