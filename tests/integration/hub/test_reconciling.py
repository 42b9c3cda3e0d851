"""Comparing what chargers sent with what is stored: script and fingerprints, with a real Redis."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway import scripts
from services.gateway.chargers.stored_fingerprints import fingerprint, known_pairing
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from tests.fixtures.redis_at import bus_to
from tests.integration.hub.booth import Stored, mark, token

EPOCH = 1_764_043_200_000_000
CHARGER = "c1234"


@pytest.fixture
async def bus(redis_url: str) -> AsyncIterator[Bus]:
    bus = bus_to(redis_url)
    yield bus
    await bus.close()


async def reconcile(
    bus: Bus, stored: Stored, *fingerprints: tuple[str, str], known: str | None = None
) -> list[Any]:
    """Compare chargers whose pairings are known, or all as this one; return what differs."""
    names = stored.names.of_charger(fingerprints[0][0])
    words: list[Argument] = []
    for charger, text in fingerprints:
        raw = await stored.client.hget(names.directory, charger)
        number = json.loads(raw)["pairing"] if raw else 7
        words += (charger, text, known_pairing(number, mark(number)) if known is None else known)
    keys = (names.directory, names.directory_version, names.live)
    ((now, *found),) = await bus.run([Call(scripts.RECONCILE, keys, words)])
    assert abs(int(now) - await stored.now_us()) < 10_000_000
    return [
        word
        for place, answer, told in zip(found[::3], found[1::3], found[2::3], strict=True)
        for word in (place, answer, *told)
    ]


async def store(
    bus: Bus, stored: Stored, epoch: int, sequence: int, *, charger: str = CHARGER
) -> None:
    names = stored.names.of_charger(charger)
    keys = (names.directory, names.directory_version, names.live, names.pending)
    words: list[Argument] = [names.readings, 0, charger, epoch, sequence, "70", 1000, mark(7)]
    ((answer,),) = await bus.run([Call(scripts.STORE, keys, words)])
    assert answer == b"stored"


@pytest.mark.parametrize(
    ("epoch", "sequence", "answer"),
    [
        (EPOCH, 12, []),
        (EPOCH, 11, []),  # a newer one is stored: its answer is on its way
        (EPOCH, 0, []),
        (EPOCH, 13, [0, b"missing"]),
        (EPOCH + 1, 0, []),
        (EPOCH + 1, 1, [0, b"missing"]),
        (EPOCH - 1, 99, [0, b"superseded"]),
        (EPOCH // 10, 0, [0, b"superseded"]),  # the beginning of the stored number
        (0, 0, [0, b"superseded"]),
    ],
)
async def test_what_differs_is_reported(
    bus: Bus, stored: Stored, epoch: int, sequence: int, answer: list[Any]
) -> None:
    await stored.pair(CHARGER, "wABCD", 7)
    await store(bus, stored, EPOCH, 12)
    assert await reconcile(bus, stored, (CHARGER, fingerprint(epoch, sequence))) == answer
    live = await stored.live(CHARGER)
    assert live is not None
    assert live["epoch"] == max(EPOCH, epoch)
    assert live["revision"] == [EPOCH, 12]


async def test_only_the_exceptions_are_said_by_their_place(bus: Bus, stored: Stored) -> None:
    (partition,) = {stored.names.of_charger(CHARGER).partition}
    ids = [
        name
        for name in (f"c{number}" for number in range(1000))
        if stored.names.of_charger(name).partition == partition
    ][:4]
    for number, charger in enumerate(ids):
        await stored.pair(charger, f"w{number}", number + 1)
        await store(bus, stored, EPOCH, 1, charger=charger)
    fingerprints = [(charger, fingerprint(EPOCH, 1)) for charger in ids]
    fingerprints[1] = (ids[1], fingerprint(EPOCH, 2))
    fingerprints[3] = (ids[3], fingerprint(EPOCH - 1, 1))
    assert await reconcile(bus, stored, *fingerprints) == [1, b"missing", 3, b"superseded"]


async def test_an_emptied_redis_misses_the_reading_and_learns_the_epoch(
    bus: Bus, stored: Stored
) -> None:
    await stored.pair(CHARGER, "wABCD", 7)
    assert await reconcile(bus, stored, (CHARGER, fingerprint(EPOCH, 3))) == [0, b"missing"]
    assert await stored.live(CHARGER) == {"epoch": EPOCH}
    assert await reconcile(bus, stored, (CHARGER, fingerprint(EPOCH, 0))) == []


async def test_an_unregistered_charger_is_reported_though_its_state_matches(
    bus: Bus, stored: Stored
) -> None:
    await stored.pair(CHARGER, "wABCD", 7)
    await store(bus, stored, EPOCH, 1)
    charger = (CHARGER, fingerprint(EPOCH, 1))
    await stored.put_charger(CHARGER, {"pairing": 8, "unregistered": True})
    assert await reconcile(bus, stored, charger) == [0, b"unregistered"]
    await stored.client.hdel(stored.names.of_charger(CHARGER).directory, CHARGER)
    assert await reconcile(bus, stored, charger) == [0, b"absent"]
    await stored.complete()
    assert await reconcile(bus, stored, charger) == [0, b"unregistered"]


async def test_a_widget_of_that_name_makes_nobody_unregistered(bus: Bus, stored: Stored) -> None:
    await stored.pair(CHARGER, "unregistered", 7)
    await store(bus, stored, EPOCH, 1)
    assert await reconcile(bus, stored, (CHARGER, fingerprint(EPOCH, 1))) == []
    assert await reconcile(bus, stored, (CHARGER, fingerprint(EPOCH, 2))) == [0, b"missing"]


async def test_a_state_in_another_form_is_read(bus: Bus, stored: Stored) -> None:
    await stored.pair(CHARGER, "wABCD", 7)
    live = stored.names.of_charger(CHARGER).live
    text = (
        f'{{ "soc": 70, "revision": [{EPOCH}, 4], "epoch": {EPOCH}, "received_at": 1, "mark": "" }}'
    )
    await stored.client.hset(live, CHARGER, text)
    assert await reconcile(bus, stored, (CHARGER, fingerprint(EPOCH, 4))) == []
    assert await reconcile(bus, stored, (CHARGER, fingerprint(EPOCH, 5))) == [0, b"missing"]


KNOWN = known_pairing(7, mark(7))
TOLD = [b"7", mark(7).encode()]


@pytest.mark.parametrize(
    "known",
    [
        known_pairing(-1, ""),  # nothing
        known_pairing(6, mark(6)),
        known_pairing(7, ""),
        known_pairing(7, "7-ffffffffffffffff"),  # the number was drawn twice
        known_pairing(7, mark(7)[:-1]),
    ],
)
async def test_another_pairing_than_the_known_one_is_told(
    bus: Bus, stored: Stored, known: str
) -> None:
    await stored.pair(CHARGER, "wABCD", 7, seconds_ago=20)
    await store(bus, stored, EPOCH, 1)
    charger = (CHARGER, fingerprint(EPOCH, 1))
    place, answer, *told = await reconcile(bus, stored, charger, known=known)
    assert (place, answer, told[:2]) == (0, b"kept", TOLD)
    assert 20_000_000 <= int(told[2]) < 30_000_000
    assert await reconcile(bus, stored, charger, known=KNOWN) == []


async def test_what_is_missing_and_another_pairing_are_told_together(
    bus: Bus, stored: Stored
) -> None:
    await stored.pair(CHARGER, "wABCD", 7)
    charger = (CHARGER, fingerprint(EPOCH, 1))
    answers = await reconcile(bus, stored, charger, known=known_pairing(6, ""))
    assert answers[:4] == [0, b"missing", *TOLD]


async def test_a_lower_number_is_not_told(bus: Bus, stored: Stored) -> None:
    await stored.pair(CHARGER, "wABCD", 7)
    await store(bus, stored, EPOCH, 1)
    charger = (CHARGER, fingerprint(EPOCH, 1))
    assert await reconcile(bus, stored, charger, known=known_pairing(8, mark(8))) == []


async def test_one_that_is_not_paired_any_more_has_no_mark(bus: Bus, stored: Stored) -> None:
    await stored.put_charger(CHARGER, {"pairing": 8})
    charger = (CHARGER, fingerprint(EPOCH, 0))
    assert await reconcile(bus, stored, charger, known=KNOWN) == [0, b"kept", b"8", b"", b"0"]
    assert await reconcile(bus, stored, charger, known=known_pairing(8, "")) == []


async def test_an_entry_in_another_form_is_read(bus: Bus, stored: Stored) -> None:
    names = stored.names.of_charger(CHARGER)
    text = f'{{ "widget": "wABCD", "token": "{token(7)}", "paired_at": 1, "pairing": 7 }}'
    await stored.client.hset(names.directory, CHARGER, text)
    charger = (CHARGER, fingerprint(EPOCH, 0))
    assert await reconcile(bus, stored, charger, known=KNOWN) == []
    answers = await reconcile(bus, stored, charger, known=known_pairing(6, ""))
    assert answers[:4] == [0, b"kept", *TOLD]


async def test_a_pairing_from_the_future_began_now(bus: Bus, stored: Stored) -> None:
    # Redis' clock was set back since, or this is a replica whose clock is behind.
    await stored.pair(CHARGER, "wABCD", 7, seconds_ago=-3600)
    charger = (CHARGER, fingerprint(EPOCH, 0))
    answers = await reconcile(bus, stored, charger, known=known_pairing(6, ""))
    assert answers == [0, b"kept", *TOLD, b"0"]


async def test_an_entry_whose_token_is_none_is_absent(bus: Bus, stored: Stored) -> None:
    for broken in ('"', 5, None, "a b"):
        entry = {"pairing": 7, "token": broken, "paired_at": 1, "widget": "wABCD"}
        await stored.put_charger(CHARGER, entry)
        charger = (CHARGER, fingerprint(EPOCH, 0))
        assert await reconcile(bus, stored, charger, known=known_pairing(6, "")) == [0, b"absent"]
