"""What the values in Redis mean: rules without I/O."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.errors import DirectoryAbsentError
from services.registry.live.redis_values import (
    Environment,
    RawCharger,
    RawWidget,
    decode_registration,
    unreadable_of_charger,
    unreadable_of_widget,
    widget_paired_with,
)
from services.registry.live.state import ChargerState, WidgetState, charger_state, widget_state
from shared.contract.presence import DEAD_SECONDS

SECOND = 1_000_000
NOW = 1_795_494_065_316_186
CHARGER = RawCharger(
    id="c1",
    entry=b'{"pairing":7,"widget":"w1","token":"9f2c7a1b4e0d3c55","paired_at":1}',
    is_complete=True,
    live=None,
    presence=None,
    rejection=None,
    pending=None,
    router=None,
    status=None,
)
WIDGET = RawWidget(
    id="w1",
    entry=b'{"pairing":7,"charger":"c1"}',
    is_complete=True,
    presence=None,
    rejection=None,
    status=None,
)


def charger(environment: Environment | None = None, **raw: object) -> ChargerState:
    state = charger_state(CHARGER._replace(**raw), environment or Environment(NOW, {}))  # type: ignore[arg-type]
    assert state is not None
    return state


def widget(environment: Environment | None = None, **raw: object) -> WidgetState:
    state = widget_state(WIDGET._replace(**raw), environment or Environment(NOW, {}))  # type: ignore[arg-type]
    assert state is not None
    return state


def presence(**more: int) -> bytes:
    return json.dumps({"gateway": "a", "epoch": 5, "since": NOW - 60 * SECOND, **more}).encode()


@pytest.mark.parametrize(
    ("ago", "online"),
    [
        (0, True),
        (DEAD_SECONDS, True),
        (DEAD_SECONDS + 1e-6, False),
        pytest.param(-3600, False, id="a clock that was ahead"),
    ],
)
def test_online_is_who_said_so_at_a_gateway_that_is_alive(ago: float, *, online: bool) -> None:
    environment = Environment(NOW, {"a": NOW - round(ago * SECOND)})
    state = charger(environment, presence=presence())
    assert (state.online, state.since is not None, state.gateway) == (online, online, "a")
    assert not charger(environment, presence=presence(left=NOW)).online
    noted = json.dumps({"gateways": {"a": 5}}).encode()
    assert widget(environment, presence=noted).online is online


def test_a_dead_gateway_is_no_loss_to_a_widget_that_has_another() -> None:
    environment = Environment(NOW, {"a": NOW - 60 * SECOND, "b": NOW})
    state = widget(environment, presence=b'{"gateways":{"a":5,"b":6}}')
    assert state.online
    assert [each.gateway for each in state.gateways] == ["b"]
    assert state.since == datetime(1970, 1, 1, 0, 0, 0, 6, tzinfo=UTC)


def test_an_offline_charger_was_last_seen_when_anything_was_last_known_of_it() -> None:
    left = charger(presence=presence(left=NOW - 30 * SECOND)).last_seen
    heard = charger(Environment(NOW, {"a": NOW - 40 * SECOND}), presence=presence()).last_seen
    reading = json.dumps({"epoch": 5, "revision": [5, 1], "soc": 70, "received_at": NOW}).encode()
    read = charger(live=reading, presence=presence()).last_seen
    since = charger(presence=presence()).last_seen
    assert left is not None
    assert heard is not None
    assert read is not None
    assert since is not None
    assert since < heard < left < read
    assert charger().last_seen is None


def test_a_charger_that_only_connected_has_no_reading() -> None:
    assert charger(live=b'{"epoch":5}').reading is None


def test_unregistered_is_not_the_same_as_nobody_knows() -> None:
    environment = Environment(NOW, {})
    for entry in (None, b'{"pairing":7,"unregistered":true}'):
        assert charger_state(CHARGER._replace(entry=entry), environment) is None
        assert widget_state(WIDGET._replace(entry=entry), environment) is None
    with pytest.raises(DirectoryAbsentError):
        charger_state(CHARGER._replace(entry=None, is_complete=False), environment)
    with pytest.raises(DirectoryAbsentError):
        widget_state(WIDGET._replace(entry=None, is_complete=False), environment)


GATEWAY_KEYS = ["gateway", "gateways", "since", "left", "epoch", "at", "code", "message", "a"]
OTHER_KEYS = ["revision", "soc", "pairing", "received_at", "data", "status"]


def nested(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    keys = st.sampled_from(GATEWAY_KEYS) | st.sampled_from(OTHER_KEYS)
    return st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=8)


texts = st.none() | st.binary(max_size=60)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(leaves, nested, max_leaves=12).map(lambda value: json.dumps(value).encode())
anything = texts | values


@given(anything, anything, anything, anything)
def test_whatever_somebody_wrote_with_redis_cli_a_state_is_told(
    live: bytes | None, presence: bytes | None, rejection: bytes | None, status: bytes | None
) -> None:
    environment = Environment(NOW, {"a": NOW})
    state = charger(
        environment,
        live=live,
        presence=presence,
        rejection=rejection,
        status=status,
        pending=b"inf",
    )
    json.loads(state.model_dump_json())
    other = widget(environment, presence=presence, rejection=rejection, status=status)
    json.loads(other.model_dump_json())


@pytest.mark.parametrize("partner", ["\u00e9", "a b", "x" * 65, "a:b"])
def test_a_partner_that_can_not_be_makes_an_entry_unreadable(partner: str) -> None:
    for name in ("widget", "charger"):
        entry = json.dumps({"pairing": 7, name: partner}).encode()
        assert widget_paired_with(entry) is None
        assert decode_registration(entry, is_complete=True) is None
        with pytest.raises(DirectoryAbsentError):
            decode_registration(entry, is_complete=False)


def test_what_cannot_be_read_is_named() -> None:
    assert unreadable_of_charger(CHARGER) == unreadable_of_widget(WIDGET) == []
    half = b'{"epoch":1,"revision":3}'
    broken = CHARGER._replace(entry=half, live=half, presence=half, rejection=half)
    assert unreadable_of_charger(broken) == [
        "the directory entry of c1",
        "the live state of c1",
        "the presence of c1",
        "the last refusal of c1",
    ]
    found = unreadable_of_widget(
        WIDGET._replace(entry=half, status=half, presence=half, rejection=half)
    )
    assert "the status of w1" in found
    assert len(found) == 4


@pytest.mark.parametrize(
    "live",
    [
        {"epoch": 2**53},
        {"epoch": 5, "revision": [5], "soc": 70, "received_at": 9},
        {"epoch": 5, "revision": [5, 1], "soc": 101, "received_at": 9},
        {"epoch": 5, "revision": [5, "1"], "soc": 70, "received_at": 9},
    ],
)
def test_a_live_state_of_another_shape_counts_as_none(live: object) -> None:
    state = charger(live=json.dumps(live).encode())
    assert state.reading is None
