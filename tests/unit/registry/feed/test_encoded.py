"""What streams send is encoded once for all that are at the same place."""

import json

from services.registry.feed import encoded as encoded_module
from services.registry.feed.encoded import Encoded
from services.registry.feed.tiles import Tiles
from tests.unit.registry.feed.test_tiles import tile

FEED = "0123456789abcdef"


def labels(events: bytes) -> list[str]:
    data = next(line for line in events.splitlines() if line.startswith(b"data: "))
    return [each["label"] for each in json.loads(data[6:])]


def test_streams_at_one_place_send_the_same_bytes() -> None:
    tiles = Tiles()
    encoded = Encoded(FEED, tiles)
    tiles.put(tile("c1", label="old"))
    one = encoded.after(0, None)
    assert encoded.after(0, None) is one
    assert (labels(one.events[0]), one.number) == (["old"], 1)
    assert one.events[0].endswith(f"id: {FEED}-1\n\n".encode())


def test_each_place_and_each_booth_has_its_own() -> None:
    tiles = Tiles()
    encoded = Encoded(FEED, tiles)
    tiles.put(tile("c1", booth="near", label="near"))
    tiles.put(tile("c2", booth="far", label="far"))
    assert labels(encoded.after(0, None).events[0]) == ["near", "far"]
    assert labels(encoded.after(1, None).events[0]) == ["far"]
    assert labels(encoded.after(0, "near").events[0]) == ["near"]
    nothing = encoded.after(1, "near")
    assert (nothing.events, nothing.number) == ([], 2)


def test_nothing_is_sent_that_is_not_so_any_more() -> None:
    tiles = Tiles()
    encoded = Encoded(FEED, tiles)
    tiles.put(tile("c1", label="old"))
    assert labels(encoded.after(0, None).events[0]) == ["old"]
    tiles.put(tile("c1", label="new"))
    assert labels(encoded.after(0, None).events[0]) == ["new"]


def test_only_a_few_pieces_are_kept() -> None:
    tiles = Tiles()
    encoded = Encoded(FEED, tiles)
    for number in range(3 * encoded_module._MOST_PIECES):
        tiles.put(tile(f"c{number}"))
    for number in range(tiles.number):
        encoded.after(number, None)
    assert len(encoded._pieces) == encoded_module._MOST_PIECES
    last = tiles.number - 1
    assert encoded.after(last, None) is encoded.after(last, None)
