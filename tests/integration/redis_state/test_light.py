"""Which stored statuses a new one replaces, and what of it is told."""

import json
from typing import Any, Final

import pytest

from services.router import scripts
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.doorbells import decode_status
from shared.contract.names import Names

W: Final = Names(1).widgets[0]
KEYS: Final = (W.directory, W.directory_version, W.statuses, W.transitions)


def _status(**changes: Any) -> str:
    whole = {
        "data": {"status": "charging"},
        "widget": "w1",
        "charger": "c1",
        "pairing": 7,
        "revision": [5, 2],
        "thresholds": 2,
    }
    return json.dumps({**whole, **changes})


async def _light(bus: Bus, replaces: str = "") -> str:
    words: list[Argument] = [
        "w1",
        W.status_channel("w1"),
        7,
        5,
        2,
        2,
        "c1",
        "charging",
    ]
    ((answer,),) = await bus.run([Call(scripts.LIGHT, KEYS, [*words, _status(), replaces])])
    return str(answer.decode())


@pytest.mark.parametrize(
    ("stored", "answer"),
    [
        (None, "lit"),
        (_status(revision=[5, 1]), "lit"),
        (_status(thresholds=1), "lit"),
        (_status(pairing=6, revision=[9, 9]), "lit"),
        (_status(), "stale"),
        (_status(thresholds=3, data={"status": "charged"}), "stale"),
        (_status(revision=[5, 3]), "ahead 5 3"),
        (_status(revision=[2**52, 1]), "ahead 4503599627370496 1"),
        (_status(data={"status": "charged"}), "ahead 5 2"),
        (_status(charger="c2"), "ahead 5 2"),
        (_status(widget="w2"), "ahead 5 2"),
        (_status(pairing=8), "restored"),
        (_status(revision=[2**53, 1]), "restored"),
        ("junk", "restored"),
        ('{"pairing":7}', "restored"),
    ],
)
async def test_a_stored_status_is_compared(
    bus: Bus, client: Any, stored: str | None, answer: str
) -> None:
    await client.hset(W.directory, "w1", '{"pairing":7,"charger":"c1"}')
    if stored is not None:
        await client.hset(W.statuses, "w1", stored)
    assert await _light(bus) == answer
    is_written = answer in {"lit", "restored"}
    assert (await client.hget(W.statuses, "w1") == _status().encode()) is (
        is_written or stored == _status()
    )
    assert await _light(bus, "1 1") == ("stale" if is_written else answer)
    if answer.startswith("ahead"):
        assert await _light(bus, answer.removeprefix("ahead ")) == "restored"
        assert await client.hget(W.statuses, "w1") == _status().encode()


@pytest.mark.parametrize(
    ("entry", "is_complete"),
    [
        ('{"pairing":8,"charger":"c1"}', True),
        ('{"pairing":7,"charger":"c2"}', True),
        ('{"pairing":7,"unregistered":true}', True),
        ('{"pairing":7,"charger":5}', False),
        ("junk", False),
    ],
)
async def test_an_entry_that_says_something_else_takes_no_status(
    bus: Bus, client: Any, entry: str, *, is_complete: bool
) -> None:
    await client.hset(W.directory, "w1", entry)
    await client.set(W.directory_version, "1:1")
    assert await _light(bus) == "mismatch"
    # One that cannot be read: the registry writes all entries of this tag again.
    assert await client.exists(W.directory_version) == int(is_complete)


async def test_only_a_change_of_the_light_rings(bus: Bus, client: Any) -> None:
    await client.hset(W.directory, "w1", '{"pairing":7,"charger":"c1"}')
    async with client.pubsub() as heard:
        await heard.subscribe(W.transitions)
        for sequence, status in ((1, "charging"), (2, "charging"), (3, "charged"), (3, "charged")):
            await _light_as(bus, sequence, status)
        await client.publish(W.transitions, "the end")
        told: list[bytes] = []
        while not told or told[-1] != b"the end":
            message = await heard.get_message(ignore_subscribe_messages=True, timeout=10)
            told += [message["data"]] if message else []
    first, second, _ = told
    assert [decode_status(each).revision for each in (first, second)] == [(5, 1), (5, 3)]
    assert decode_status(second).data.status == "charged"


async def _light_as(bus: Bus, sequence: int, status: str) -> str:
    message = _status(data={"status": status}, revision=[5, sequence])
    words: list[Argument] = ["w1", W.status_channel("w1"), 7, 5, sequence, 2]
    ((answer,),) = await bus.run([Call(scripts.LIGHT, KEYS, [*words, "c1", status, message, ""])])
    return str(answer.decode())
