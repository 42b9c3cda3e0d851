"""Whatever is written into Redis by hand: no process ends, and lights are right again soon."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Final

import pytest
from redis.exceptions import ResponseError
from websockets.exceptions import ConnectionClosed

from shared.bus.repair.repair import REPAIRED
from shared.contract.names import (
    AGREEMENTS,
    GATEWAYS,
    ROUTERS,
    ChargerNames,
    Names,
    WidgetNames,
    key_type,
)
from tests.fixtures.redis_at import are_users_wanted
from tests.integration.hub.booth import CHARGED, CHARGING, Booth, Stored, reading
from tests.unit.shared.running import running

RIGHT_SECONDS: Final = 5.0
"""What docs/reliability.md promises."""
_LOOK_SECONDS: Final = 0.02
CHARGER, WIDGET = "c1234", "wABCD"
C, W = Names(64).of_charger(CHARGER), Names(64).of_widget(WIDGET)

KEYS: Final = {
    f"{tag} {key.rpartition(':')[2]}": (key, device)
    for tag, device, keys in (
        (
            "charger",
            CHARGER,
            [
                *(C.directory, C.directory_version, C.credentials, C.live, C.pending),
                *(C.lease, C.presence, C.rejections),
            ],
        ),
        (
            "widget",
            WIDGET,
            [
                *(W.directory, W.directory_version, W.credentials, W.statuses, W.presence),
                *(W.rejections, W.transitions),
            ],
        ),
        ("all", CHARGER, [ROUTERS, GATEWAYS, AGREEMENTS]),
    )
    for key in keys
}
"""Every key of the pair, and a member of it."""

MET_SOON: Final = (
    *("live", "pending", "lease", "statuses", "routers", "gateways"),
    *(() if are_users_wanted() else ("directory",)),
)
"""Parts of names whose keys are met by a reading, a light, or a heartbeat: within seconds."""

JUNK: Final = {
    "no json": "junk",
    "no object": "[7]",
    "half": '{"epoch":1,"revision":3,"pairing":7,"widget":5,"charger":5}',
    "the future": json.dumps(
        {
            "epoch": 2**53,
            "revision": [2**53, 1],
            "soc": 5,
            "received_at": 2**53,
            "pairing": 7,
            "charger": CHARGER,
            "widget": WIDGET,
            "thresholds": 1,
            "data": {"status": "charging80"},
            "number": 2**53,
            "digests": [],
        }
    ),
}


class Pair:
    """A charger and a widget that connect again when they are closed, as firmware does."""

    def __init__(self, booth: Booth) -> None:
        self._booth = booth
        self.level = 0
        self._said = asyncio.Event()
        self.shown: str | None = None

    def say(self, level: int) -> None:
        self.level = level
        self._said.set()

    async def run_charger(self) -> None:
        while True:
            with contextlib.suppress(ConnectionClosed, OSError):
                async with self._booth.charger(CHARGER) as charger:
                    while True:
                        self._said.clear()
                        await charger.send(reading(self.level))
                        said = asyncio.ensure_future(self._said.wait())
                        closed = asyncio.ensure_future(charger.wait_closed())
                        await asyncio.wait({said, closed}, return_when=asyncio.FIRST_COMPLETED)
                        said.cancel()
                        if closed.done():
                            break
                        closed.cancel()
            await asyncio.sleep(0.2)

    async def run_widget(self) -> None:
        while True:
            with contextlib.suppress(ConnectionClosed, OSError):
                async with self._booth.widget(WIDGET) as widget:
                    while True:
                        self.shown = str(await widget.recv())
            await asyncio.sleep(0.2)

    async def changes(self, after: object) -> None:
        """Say another level, and fail unless it is shown soon."""
        self.say(100 - self.level)
        await self.is_right_soon(after)

    async def is_right_soon(self, after: object) -> None:
        await self.shows(CHARGED if self.level == 100 else CHARGING, RIGHT_SECONDS, after)

    async def shows(self, expected: str, seconds: float, after: object) -> None:
        # By looks: while this loop stands still, the gateway and the router in it do so too.
        for _ in range(round(seconds / _LOOK_SECONDS)):
            if self.shown == expected:
                return
            await asyncio.sleep(_LOOK_SECONDS)
        pytest.fail(f"the light is wrong after {seconds} s: {after}")


async def _as_registry(stored: Stored) -> None:
    """Write the directory of the pair again when it is not complete, as the registry does."""
    while True:
        await asyncio.sleep(0.3)
        with contextlib.suppress(ResponseError):
            if not (await _is_intact(stored, C) and await _is_intact(stored, W)):
                for names in (C, W):
                    await stored.client.delete(names.directory_version, names.credentials)
                    await _remove_broken(stored, names.directory)
                await stored.pair(CHARGER, WIDGET, 7)
                await stored.complete()


async def _remove_broken(stored: Stored, directory: str) -> None:
    # Where gateways and routers may do so, they are first, and count it.
    if are_users_wanted() and await stored.client.type(directory) != b"hash":
        await stored.client.delete(directory)


async def _is_intact(stored: Stored, names: ChargerNames | WidgetNames) -> bool:
    # The pair is all there is. A count of 0 is no less broken: the hub removed a broken key
    # while this was writing.
    version = await stored.client.get(names.directory_version)
    try:
        count = await stored.client.hlen(names.directory)
    except ResponseError:
        return False
    return count == 1 and bool(re.fullmatch(rb"\d+:1", version or b""))


async def _is_cleared(stored: Stored) -> bool:
    return await stored.client.zscore(C.pending, CHARGER) is None


@pytest.fixture
async def pair(booth: Booth, stored: Stored) -> AsyncIterator[Pair]:
    made = Pair(booth)
    async with AsyncExitStack() as stack:
        for work in (_as_registry(stored), made.run_charger(), made.run_widget()):
            await stack.enter_async_context(running(work))
        await made.is_right_soon("at first")
        yield made


async def _give_another_type(stored: Stored, key: str) -> None:
    await stored.client.delete(key)
    if key_type(key) == "string":
        await stored.client.hset(key, "junk", "junk")
    else:
        await stored.client.set(key, "junk")


async def test_no_key_of_another_type_hurts_a_light(pair: Pair, stored: Stored) -> None:
    counters = {name: REPAIRED.labels(name)._value for name in MET_SOON}
    before = {name: counter.get() for name, counter in counters.items()}
    for name, (key, _) in KEYS.items():
        await _give_another_type(stored, key)
        await pair.changes(name)

    async def all_counted() -> bool:
        return all(counter.get() > before[name] for name, counter in counters.items())

    await stored.until(all_counted)


@pytest.mark.parametrize("junk", JUNK.values(), ids=JUNK)
async def test_no_value_that_cannot_be_read_hurts_a_light(
    pair: Pair, stored: Stored, junk: str
) -> None:
    for name, (key, device) in KEYS.items():
        if key_type(key) == "hash":
            await stored.client.hset(key, device, junk)
            await pair.changes(name)


async def test_no_score_hurts_a_light(pair: Pair, stored: Stored) -> None:
    for key in (C.pending, ROUTERS, GATEWAYS):
        for score in (float("inf"), 1e18, -1.0, 0.0):
            members = [CHARGER, "junk", "\u00e4 7", b"\xff"]
            members += await stored.client.zrange(key, 0, -1)
            await stored.client.zadd(key, dict.fromkeys(members, score))
            await pair.changes((key, score))


async def test_no_text_hurts_a_light(pair: Pair, stored: Stored) -> None:
    for key in (C.lease, C.directory_version, W.directory_version):
        for value in (b"junk", b"\xff", b"2:3:4", b""):
            await stored.client.set(key, value)
            await pair.changes((key, value))


async def test_a_live_epoch_from_the_future_is_superseded_by_the_next_admission(
    pair: Pair, stored: Stored
) -> None:
    live = await stored.live(CHARGER)
    await stored.client.hset(C.live, CHARGER, json.dumps({**(live or {}), "epoch": 2**52}))
    await pair.changes("an epoch of 2^52")
    now = await stored.live(CHARGER)
    assert now is not None
    assert now["epoch"] > 2**52


async def test_a_status_from_the_future_is_replaced_although_nobody_says_anything(
    pair: Pair, stored: Stored
) -> None:
    await stored.until(lambda: _is_cleared(stored))
    status = json.loads(await stored.client.hget(W.statuses, WIDGET))
    wrong = json.dumps({**status, "revision": [2**52, 1], "data": {"status": "charged"}})
    await stored.client.hset(W.statuses, WIDGET, wrong)
    await stored.client.publish(W.status_channel(WIDGET), wrong)
    await pair.shows(CHARGED, RIGHT_SECONDS, "it was published")
    # The audit comes by within a minute; here it does at once.
    await stored.client.zadd(C.pending, {CHARGER: 0})
    await pair.shows(CHARGING, 8, "it was published")
    now = json.loads(await stored.client.hget(W.statuses, WIDGET))
    assert now["revision"] == status["revision"]
    await pair.changes("it was replaced")
