"""What transitions of lights say about phones."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.rentals.transitions import (
    Pairing,
    ReachedTimes,
    Transition,
    decode,
    reached_times,
)
from shared.contract.device_protocol import ChargingStatus

START = datetime(2026, 11, 24, tzinfo=UTC)


def cells(**changed: bytes) -> list[bytes]:
    """Return an entry as a router writes it."""
    fields = {"charger": b"c1", "widget": b"w1", "pairing": b"7", "status": b"charged", **changed}
    return [part for name, value in fields.items() for part in (name.encode(), value)]


def transition(status: str, second: int, charger: str = "c1", pairing: int = 7) -> Transition:
    at = START + timedelta(seconds=second)
    return Transition(charger, pairing, ChargingStatus(status), at)


def test_an_entry_is_read_and_its_id_is_its_time() -> None:
    found = decode(b"1795494065316-3", cells())
    at = datetime.fromtimestamp(1795494065.316, UTC)
    assert found == Transition("c1", 7, ChargingStatus.CHARGED, at)


def test_what_is_added_by_later_versions_is_skipped() -> None:
    assert decode(b"1-0", [*cells(), b"colour", b"mauve"]) is not None


@pytest.mark.parametrize(
    ("entry_id", "entry"),
    [
        (b"now", cells()),
        (b"99999999999999999999-0", cells()),
        (b"1-0", cells(charger=b"a b")),
        (b"1-0", cells(charger=b"\xff")),
        (b"1-0", cells(pairing=b"")),
        (b"1-0", cells(pairing=b"-1")),
        (b"1-0", cells(pairing=b"9223372036854775808")),
        (b"1-0", cells(pairing=b"\xd9\xa7")),
        (b"1-0", cells(status=b"green")),
        (b"1-0", cells(status=b"\xff")),
        (b"1-0", []),
        (b"1-0", [b"charger"]),
    ],
)
def test_what_no_router_wrote_is_none(entry_id: bytes, entry: list[bytes]) -> None:
    assert decode(entry_id, entry) is None


def test_a_phone_that_only_charges_has_reached_nothing() -> None:
    assert reached_times([transition("charging", 1)]) == {}


def test_yellow_and_green_are_noted_at_their_first_times() -> None:
    seen = [
        transition("charging", 1),
        transition("charging80", 2),
        transition("charging", 3),
        transition("charging80", 4),
        transition("charged", 5),
        transition("charging80", 6),
        transition("charged", 7),
    ]
    assert reached_times(seen) == {
        Pairing("c1", 7): ReachedTimes(START + timedelta(seconds=2), START + timedelta(seconds=5))
    }


def test_who_is_full_at_once_has_reached_both_at_once() -> None:
    at = START + timedelta(seconds=1)
    assert reached_times([transition("charged", 1)]) == {Pairing("c1", 7): ReachedTimes(at, at)}


def test_pairings_and_chargers_are_kept_apart() -> None:
    seen = [
        transition("charging80", 1),
        transition("charging80", 2, pairing=8),
        transition("charging80", 3, charger="c2"),
    ]
    assert set(reached_times(seen)) == {Pairing("c1", 7), Pairing("c1", 8), Pairing("c2", 7)}


transitions = st.lists(
    st.builds(
        transition,
        st.sampled_from([status.value for status in ChargingStatus]),
        st.integers(0, 5),
        st.sampled_from(["c1", "c2"]),
        st.integers(7, 8),
    )
)


@given(transitions, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(seen: list[Transition], rng: object) -> None:
    shuffled = [*seen, *seen]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reached_times(shuffled) == reached_times(seen)


@given(transitions)
def test_who_reached_100_has_reached_80_no_later(seen: list[Transition]) -> None:
    for what in reached_times(seen).values():
        assert what.at_80 is not None
        assert what.at_100 is None or what.at_80 <= what.at_100
