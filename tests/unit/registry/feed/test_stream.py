"""What one client is sent, and when its stream ends."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from services.registry.errors import TooBusyError
from services.registry.feed import stream as stream_module
from services.registry.feed.feed import Feed
from services.registry.feed.stream import Stream
from shared.contract.names import Names
from tests.unit.gateway.fake_device import Clock
from tests.unit.registry.feed.test_tiles import tile

NOTHING = cast("Any", None)
"""Nothing is read here."""
COMMENT = b": ping\n\n"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Time that passes only while a stream waits."""
    clock = Clock()

    async def wait(_: asyncio.Event, seconds: float) -> None:
        clock.now += seconds
        await asyncio.sleep(0)

    monkeypatch.setattr(stream_module, "wait_for_event", wait)
    return clock


@pytest.fixture
def feed(clock: Clock) -> Feed:
    return Feed(NOTHING, Names(1), NOTHING, NOTHING, most_streams=1, clock=clock)


async def first(events: AsyncIterator[bytes], number: int) -> list[bytes]:
    return [await anext(events) for _ in range(number)]


async def test_who_hears_nothing_else_gets_a_comment_each_second(feed: Feed, clock: Clock) -> None:
    events = Stream(feed, None, None, lambda: True).events()
    hub, *_ = await first(events, 1)
    assert hub.startswith(b"event: hub\n")
    begun = clock.now
    assert await first(events, 3) == [COMMENT] * 3
    assert clock.now - begun == 3
    feed.tiles.put(tile("c1"))
    (told,) = await first(events, 1)
    assert told.startswith(b'event: tiles\ndata: [{"charger":"c1"')
    assert told.endswith(f"id: {feed.position}\n\n".encode())


async def test_it_ends_soon_after_its_key(feed: Feed, clock: Clock) -> None:
    ends_at = clock.now + 22
    events = Stream(feed, None, None, lambda: clock.now < ends_at).events()
    assert {each[:10] async for each in events} == {b"event: hub", COMMENT}
    assert 0 <= clock.now - ends_at < 30


async def test_a_key_that_is_not_known_yet_is_given_some_seconds(feed: Feed, clock: Clock) -> None:
    begun = clock.now
    events = Stream(feed, None, None, lambda: clock.now - begun >= 5).events()
    assert len(await first(events, 9)) == 9


async def test_it_ends_when_the_registry_stops(feed: Feed) -> None:
    events = Stream(feed, None, None, lambda: True).events()
    await first(events, 1)
    feed.close()
    assert [each async for each in events] == []


async def test_a_client_that_reads_slowly_gets_each_chargers_newest_tile_in_pieces(
    feed: Feed,
) -> None:
    events = Stream(feed, None, None, lambda: True).events()
    await first(events, 1)
    for label, charger in itertools.product("abcdefgh", range(300)):
        feed.tiles.put(tile(f"c{charger}", label=label))
    pieces = await first(events, 2)
    assert [each.count(b'"charger"') for each in pieces] == [250, 50]
    assert all(each.count(b'"label":"h"') == each.count(b'"charger"') for each in pieces)


async def test_what_is_gone_comes_between_in_its_order(feed: Feed) -> None:
    for charger in ("c1", "c2", "c3"):
        feed.tiles.put(tile(charger))
    events = Stream(feed, None, str(feed.position), lambda: True).events()
    await first(events, 1)
    feed.tiles.put(tile("c1", label="new"))
    feed.tiles.remove("c2")
    feed.tiles.put(tile("c3", label="new"))
    names = [each.partition(b"\n")[0] for each in await first(events, 3)]
    assert names == [b"event: tiles", b"event: gone", b"event: tiles"]


def test_a_stream_more_than_there_may_be_is_refused(feed: Feed) -> None:
    with feed.stream(None), pytest.raises(TooBusyError), feed.stream(None):
        pass
    with feed.stream("near"):
        assert feed.watching.booths() == {None, "near"}
