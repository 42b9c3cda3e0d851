"""What a pattern reads at once is read as decoding would read it."""

from collections.abc import Sequence
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway import scripts as gateway
from services.router import scripts as router
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call, Script
from shared.contract.names import Names

NAMES: Final = Names(1)
C, W = NAMES.chargers[0], NAMES.widgets[0]

ENTRY: Final = '{"pairing":7,"token":"9f2c","paired_at":1,"widget":"w1"}'
WIDGET_ENTRY: Final = '{"pairing":7,"charger":"c1"}'
LIVE: Final = '{"epoch":5,"revision":[5,1],"soc":70,"received_at":9,"mark":"7-9f2c"}'
STATUS: Final = (
    '{"event":"chargingStatus","data":{"status":"charging"},"widget":"w1","charger":"c1",'
    '"pairing":7,"revision":[5,1],"thresholds":1,"received_at":9}'
)

UNREADABLE: Final = (b"absent", b"restored", b"mismatch")
"""What scripts answer of a value that cannot be decoded."""


def _decoding(script: Script) -> Script:
    """Return a script whose patterns fit nothing."""
    changed = script.text.replace("'^{", "'^never{")
    assert changed != script.text
    return Script.with_prelude(script.name, changed, batched=True)


@st.composite
def _nearly(draw: st.DrawFn, text: str) -> str:
    """Draw a text with a few characters in place of others, or the text itself."""
    start = draw(st.integers(0, len(text)))
    length = draw(st.integers(0, 3))
    other = draw(st.text(alphabet='0123456789.,:"{}[]-+eaw _', max_size=4))
    return draw(st.sampled_from([text, text[:start] + other + text[start + length :]]))


def _store(epoch: int, sequence: int, mark: str) -> tuple[Script, Sequence[str], list[Argument]]:
    keys = (C.directory, C.directory_version, C.live, C.pending)
    return gateway.STORE, keys, [C.readings, 0, "c1", epoch, sequence, "70", 0, mark]


def _light(pairing: int, epoch: int, sequence: int) -> tuple[Script, Sequence[str], list[Argument]]:
    keys = (W.directory, W.directory_version, W.statuses, W.transitions)
    channel = W.status_channel("w1")
    words: list[Argument] = ["w1", channel, pairing, epoch, sequence, 1, "c1", "charged", "m", ""]
    return router.LIGHT, keys, words


def _clear(pairing: int, epoch: int, sequence: int) -> tuple[Script, Sequence[str], list[Argument]]:
    return router.CLEAR_PENDING, (C.directory, C.live, C.pending), ["c1", epoch, sequence, pairing]


_calls = st.one_of(
    st.builds(_store, st.integers(4, 6), st.integers(1, 3), st.sampled_from(["", "7-9f2c", "7-9"])),
    st.builds(_light, st.integers(6, 8), st.integers(4, 6), st.integers(0, 3)),
)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=_calls, stored=st.tuples(*map(_nearly, (ENTRY, WIDGET_ENTRY, LIVE, STATUS))))
async def test_with_patterns_and_without_all_is_alike(
    bus: Bus,
    client: Any,
    call: tuple[Script, Sequence[str], list[Argument]],
    stored: tuple[str, str, str, str],
) -> None:
    script, keys, words = call
    outcomes = []
    for one in (script, _decoding(script)):
        await client.flushall()
        await _put(client, *stored)
        (reply,) = await bus.run([Call(one, tuple(keys), words)])
        outcomes.append(
            [
                reply[-1],
                await client.hgetall(C.live),
                await client.hgetall(W.statuses),
                await client.zcard(C.pending),
                await client.xlen(W.transitions),
            ]
        )
    with_patterns, decoded = outcomes
    if decoded[0] not in UNREADABLE:
        assert _without_times(with_patterns) == _without_times(decoded)


async def _put(client: Any, entry: str, widget: str, live: str, status: str) -> None:
    await client.hset(C.directory, "c1", entry)
    await client.hset(W.directory, "w1", widget)
    await client.hset(C.live, "c1", live)
    await client.hset(W.statuses, "w1", status)


def _without_times(outcome: list[Any]) -> list[Any]:
    reply, live, *others = outcome
    return [reply, {key: value.split(b',"received_at"')[0] for key, value in live.items()}, *others]


@pytest.mark.parametrize(
    ("call", "answer"),
    [(_store(5, 2, "7-9f2c"), b"stored"), (_light(7, 5, 2), b"lit"), (_clear(7, 5, 1), 1)],
    ids=["store", "light", "clear_pending"],
)
async def test_the_usual_values_need_no_decoding(
    bus: Bus, client: Any, call: tuple[Script, Sequence[str], list[Argument]], answer: bytes | int
) -> None:
    script, keys, words = call
    text = script.text.replace("cjson.decode(", "error(")
    assert text != script.text
    await _put(client, ENTRY, WIDGET_ENTRY, LIVE, STATUS)
    await client.zadd(C.pending, {"c1": 1})
    blind = Script.with_prelude(script.name, text, batched=True)
    (reply,) = await bus.run([Call(blind, tuple(keys), words)])
    assert reply[-1] == answer
    assert await client.exists(C.directory_version) == 0


@pytest.mark.parametrize(
    ("entry", "live", "cleared"),
    [
        (ENTRY, LIVE, 1),
        (ENTRY.replace(":", ": "), LIVE.replace(":", ": "), 1),
        (ENTRY, LIVE.replace('"epoch":5', '"epoch":6'), 1),  # a newer connection, no reading yet
        ('{"pairing":7}', LIVE, 1),
        ('{"pairing":7,"unregistered":true}', LIVE, 0),
        (ENTRY.replace("7", "70"), LIVE, 0),
        (ENTRY, LIVE.replace("[5,1]", "[5,12]"), 0),
        (ENTRY, '{"epoch":5}', 0),
        ("junk", LIVE, 0),
        (ENTRY, "junk", 0),
    ],
)
async def test_pending_is_cleared_only_of_what_was_routed(
    bus: Bus, client: Any, entry: str, live: str, cleared: int
) -> None:
    await _put(client, entry, WIDGET_ENTRY, live, STATUS)
    await client.zadd(C.pending, {"c1": 1})
    script, keys, words = _clear(7, 5, 1)
    assert await bus.run([Call(script, tuple(keys), words)]) == [[cleared]]
    assert await client.zcard(C.pending) == 1 - cleared
