"""Values that cannot be read count as not there, in the scripts as in Python."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway import scripts as gateway
from services.registry.directory import scripts as registry
from services.router import scripts as router
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call, Script
from shared.contract.credentials import Credentials
from shared.contract.doorbells import LARGEST
from shared.contract.names import Names
from shared.contract.tolerant_json import tolerant_decoder
from shared.redis_state.script_files import MODEL
from shared.redis_state.values import (
    decode_directory_entry,
    decode_live_state,
    decode_stored_status,
)

NAMES: Final = Names(1)
C, W = NAMES.chargers[0], NAMES.widgets[0]

DRAWN: Final = 2**52
"""The greatest number that Postgres may have drawn, of a pairing or of credentials."""
ENTRY: Final = {"pairing": 7, "token": "9f2c", "paired_at": 1, "widget": "w1"}
WIDGET_ENTRY: Final = {"pairing": 7, "charger": "c1"}
LIVE: Final = {"epoch": 5, "revision": [5, 1], "soc": 70, "received_at": 9, "mark": "7-9f2c"}
STATUS: Final = {
    "event": "chargingStatus",
    "data": {"status": "charging"},
    "widget": "w1",
    "charger": "c1",
    "pairing": 7,
    "revision": [5, 1],
    "thresholds": 1,
}
CREDENTIALS: Final = {"number": 1, "registered": 1, "digests": ["ab" * 32]}

GOOD: Final[dict[str, list[dict[str, Any]]]] = {
    "is_entry": [
        ENTRY,
        WIDGET_ENTRY,
        {"pairing": 1},
        {"pairing": 2, "unregistered": True},
        {"pairing": DRAWN},
        {**ENTRY, "pairing": 7.0},
    ],
    "is_live": [
        LIVE,
        {"epoch": 5},
        {"epoch": LARGEST},
        {**LIVE, "soc": 99.5},
        {**LIVE, "revision": [5.0, 1]},
    ],
    "is_status": [STATUS, {**STATUS, "replaces": [9, 9]}, {**STATUS, "pairing": 7.0}],
    "is_credentials": [
        CREDENTIALS,
        {**CREDENTIALS, "full_when": "suspended"},
        {"number": 1, "digests": []},
        {"number": DRAWN, "digests": []},
    ],
}
BAD: Final[dict[str, list[object]]] = {
    "is_entry": [
        *({"pairing": bad} for bad in ("7", None, -1, 1.5, DRAWN + 1, LARGEST, 2**53, [7])),
        {"pairing": 7, "token": "9f2c", "widget": "w1"},
        {"pairing": 7, "paired_at": 1, "widget": "w1"},
        *({**ENTRY, "token": bad} for bad in (5, '"', ["9f"])),
        {**ENTRY, "paired_at": "1"},
        *({**ENTRY, "widget": bad} for bad in (5, "w 1", '"', ["w1"], None)),
        *({**WIDGET_ENTRY, "charger": bad} for bad in (5, "c:1", "a" * 65)),
        {"pairing": 7, "unregistered": "yes"},
    ],
    "is_live": [
        *({**LIVE, "epoch": bad} for bad in ("5", None, -1, 5.5, LARGEST + 1, 2**53)),
        *({**LIVE, "revision": bad} for bad in (3, "5,1", [5], [5, 1, 2], ["5", 1], [6, 1])),
        *({**LIVE, "soc": bad} for bad in ("70", -1, 100.1, None, [70])),
        {**LIVE, "received_at": "now"},
        *({**LIVE, "mark": bad} for bad in (5, '"', ["7"])),
        {"epoch": 5, "revision": [5, 1], "soc": 70, "received_at": 9},
        {"epoch": 1, "revision": [1, 3]},
        {"epoch": 5, "mark": None},
    ],
    "is_status": [
        *(
            {key: STATUS[key] for key in STATUS if key != left}
            for left in STATUS
            if left != "event"
        ),
        *({**STATUS, "revision": bad} for bad in (3, [5], ["5", 1], [2**53, 1])),
        *({**STATUS, "data": bad} for bad in (3, {}, {"status": "blue"}, {"status": 1}, None)),
        *({**STATUS, "widget": bad} for bad in (3, None, ["w1"])),
        {**STATUS, "replaces": 3},
        {**STATUS, "event": 3},
    ],
    "is_credentials": [
        {"number": 1},
        {"number": "1", "digests": []},
        {"number": DRAWN + 1, "digests": []},
        {"number": 2**53, "digests": []},
        {"number": 1, "digests": "ab"},
        {"number": 1, "digests": {}},
        {"number": 1, "digests": [], "full_when": 5},
        {"number": 1, "digests": [5]},
        {"number": 1, "digests": ["\u00e4"]},
        {"number": 1, "registered": "x", "digests": []},
    ],
}
JUNK: Final = ["", "junk", "null", "7", '"text"', "[]", "[7]", "{", "\x00", "\u00e4", "[" * 2000]

DECODERS: Final[dict[str, Callable[[bytes], object]]] = {
    "is_entry": decode_directory_entry,
    "is_live": decode_live_state,
    "is_status": decode_stored_status,
    "is_credentials": tolerant_decoder(Credentials),
}


def _check(name: str) -> Script:
    read = "credentials_of(ARGV[1])" if name == "is_credentials" else f"checked(ARGV[1], {name})"
    return Script.with_prelude("check", f"return {read} and 1 or 0", library=MODEL)


@pytest.mark.parametrize("name", GOOD)
async def test_right_values_are_read_here_and_there(bus: Bus, name: str) -> None:
    for value in GOOD[name]:
        raw = json.dumps(value)
        assert await bus.run([Call(_check(name), (C.live,), [raw])]) == [1], raw
        assert DECODERS[name](raw.encode()) is not None, raw


@pytest.mark.parametrize("name", BAD)
async def test_values_of_another_shape_are_read_by_no_script(bus: Bus, name: str) -> None:
    for value in BAD[name]:
        raw = json.dumps(value)
        assert await bus.run([Call(_check(name), (C.live,), [raw])]) == [0], raw


@pytest.mark.parametrize("name", DECODERS)
async def test_what_is_no_object_is_read_by_nobody(bus: Bus, name: str) -> None:
    for raw in JUNK:
        assert await bus.run([Call(_check(name), (C.live,), [raw])]) == [0], raw
        assert DECODERS[name](raw.encode()) is None


_leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**60), 2**60),
    st.floats(),
    st.sampled_from(["", "c1", "w1", "charging", "\u00e4", '"', "%s", "7"]),
    st.sampled_from([0, 1, 5, 7, LARGEST, LARGEST + 1, DRAWN, DRAWN + 1, 2**53]),
)
_anything = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["status", "a"]), inner)
    ),
    max_leaves=5,
)


def _broken(whole: dict[str, Any]) -> st.SearchStrategy[str]:
    """Yield a right value with a few members left out or replaced, or anything at all."""
    members = {key: st.one_of(st.just(value), _anything) for key, value in whole.items()}
    part = st.fixed_dictionaries({}, optional=members)
    one_off = st.sampled_from(sorted(whole)).flatmap(
        lambda key: _anything.map(lambda value: {**whole, key: value})
    )
    return st.one_of(part, one_off, _anything).map(json.dumps) | st.sampled_from(JUNK)


_stored = st.fixed_dictionaries(
    {
        "entry": _broken(ENTRY),
        "widget": _broken(WIDGET_ENTRY),
        "live": _broken(LIVE),
        "status": _broken(STATUS),
        "credentials": _broken(CREDENTIALS),
        "presence": _broken({"gateway": "g", "epoch": 5, "since": 1, "left": 2}),
        "widgets": _broken({"gateways": {"g": 5}, "left": 2}),
        "rejection": _broken({"at": 1, "gateway": "g", "code": "silent", "message": ""}),
        "version": st.one_of(st.just("7:1"), st.text(max_size=5)),
        "pending": st.sampled_from([0, 1e300, float("inf"), -1.0]),
    }
)


def _all_calls() -> list[Call]:
    """Return a call of each script that reads stored values."""
    charger = (C.directory, C.directory_version, C.live)
    widget = (W.directory, W.directory_version, W.statuses)
    presence: list[Argument] = [C.presence_changes, "g", 1, 2**50, "c1", 5]
    light: list[Argument] = [
        "w1",
        W.status_channel("w1"),
        7,
        5,
        1,
        1,
        "c1",
        "charging",
        json.dumps(STATUS),
        "",
    ]
    return [
        Call(gateway.READ_STATUS, widget, ["w1"]),
        Call(gateway.AUTHENTICATE, (W.directory, W.directory_version, W.credentials), ["w1"]),
        Call(
            gateway.RECORD_REJECTIONS,
            (C.directory, C.directory_version, C.rejections),
            ["g", "c1", 5, '"silent"', '""'],
        ),
        Call(
            gateway.UPDATE_CHARGER_PRESENCE,
            (C.directory, C.directory_version, C.presence),
            [*presence, 1],
        ),
        Call(
            gateway.UPDATE_CHARGER_PRESENCE,
            (C.directory, C.directory_version, C.presence),
            [*presence, 0],
        ),
        Call(
            gateway.UPDATE_WIDGET_PRESENCE,
            (W.directory, W.directory_version, W.presence),
            [W.presence_changes, "g", 1, 2**50, "w1", 0, 1],
        ),
        Call(
            gateway.UPDATE_WIDGET_PRESENCE,
            (W.directory, W.directory_version, W.presence),
            [W.presence_changes, "g", 1, 2**50, "w1", 0, 0],
        ),
        Call(gateway.SWEEP_CHARGERS, (C.presence,), [C.presence_changes, "g", 2**50, 0]),
        Call(gateway.SWEEP_WIDGETS, (W.presence,), [W.presence_changes, "g", 2**50, 0]),
        Call(gateway.RECONCILE, charger, ["c1", '{"epoch":5,"revision":[5,1],', '{"pairing":-1}']),
        Call(gateway.ADMIT, charger, [1, "c1", 2**52, 0]),
        Call(
            gateway.STORE, (*charger, C.pending), [C.readings, 0, "c1", 2**52, 1, "70", 0, "7-9f2c"]
        ),
        Call(router.FIND_OVERDUE, (*charger, C.pending), [0, 100]),
        Call(router.MARK_ALL_PENDING, (C.live, C.pending), []),
        Call(router.MARK_SOME_PENDING, (C.live, C.pending), ["0", 5]),
        Call(router.CLEAR_PENDING, (C.directory, C.live, C.pending), ["c1", 5, 1, 7]),
        Call(router.LIGHT, (*widget, W.transitions), light),
        Call(
            registry.PROJECT_SECRETS,
            (C.credentials, C.directory_version, C.live),
            [C.directory_changes, "c1", 2, 5, "[]", "any", "reported"],
        ),
        Call(
            gateway.RECALL,
            (C.directory, C.directory_version, C.live, C.transactions, C.credentials),
            ["c1", 2**52],
        ),
    ]


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(stored=_stored)
async def test_no_stored_value_makes_a_script_fail(
    bus: Bus, client: Any, stored: dict[str, Any]
) -> None:
    await client.hset(C.directory, "c1", stored["entry"])
    await client.hset(W.directory, "w1", stored["widget"])
    await client.hset(C.live, "c1", stored["live"])
    await client.hset(W.statuses, "w1", stored["status"])
    await client.hset(C.credentials, "c1", stored["credentials"])
    await client.hset(W.credentials, "w1", stored["credentials"])
    await client.hset(C.presence, "c1", stored["presence"])
    await client.hset(W.presence, "w1", stored["widgets"])
    await client.hset(C.rejections, "c1", stored["rejection"])
    await client.set(C.directory_version, stored["version"])
    await client.set(W.directory_version, stored["version"])
    await client.zadd(C.pending, {"c1": stored["pending"], "\u00e4": 0})
    for call in _all_calls():
        await bus.run([call])
    # What Lua reads, Python must be able to read.
    for name, raw in (
        *(("is_entry", stored["entry"]), ("is_live", stored["live"])),
        *(("is_status", stored["status"]), ("is_credentials", stored["credentials"])),
    ):
        if await bus.run([Call(_check(name), (C.live,), [raw])]) == [1]:
            assert DECODERS[name](raw.encode()) is not None
