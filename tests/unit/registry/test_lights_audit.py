"""When a light counts as right, late or wrong, and whose are looked at: rules without I/O."""

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.explain.facts import charger_facts
from services.registry.explain.light_findings import check_light
from services.registry.hub.hub_watch import is_first
from services.registry.hub.redis_watch import HeardInstance, RedisLook
from services.registry.lights_audit.outcome import Look, Outcome, is_judged, is_same_pair, judge
from services.registry.lights_audit.sampling import shares
from services.registry.live.redis_values import Environment, RawCharger
from services.registry.live.state import to_datetime
from shared.contract.instances import InstanceLine
from shared.contract.thresholds import Thresholds

SECOND = 1_000_000
NOW = 1_795_494_065_000_000
EPOCH = NOW - 600 * SECOND
PAIRED = {"pairing": 7, "token": "9f2c", "paired_at": EPOCH, "widget": "w1"}
THRESHOLDS = {
    1: Thresholds.parse("charging=0,charging80=80,charged=100"),
    2: Thresholds.parse("charging=0,charging80=90,charged=100"),
}


def look(
    reading: int = 3,
    lit: int | None = 3,
    *,
    soc: float = 85,
    status: str = "charging80",
    version: int = 1,
    pending: float | None = None,
    mark: str = "7-9f2c",
    after: float = 0,
) -> Look:
    """A pair whose reading and light have these sequences, some seconds after the first look."""
    live = {
        "epoch": EPOCH,
        "revision": [EPOCH, reading],
        "soc": soc,
        "received_at": NOW,
        "mark": mark,
    }
    shown: dict[str, Any] = {
        "data": {"status": status},
        "widget": "w1",
        "charger": "c1",
        "pairing": 7,
        "revision": [EPOCH, lit],
        "thresholds": version,
    }
    now = NOW + round(after * SECOND)
    raw = RawCharger(
        id="c1",
        entry=json.dumps(PAIRED).encode(),
        live=json.dumps(live).encode(),
        presence=json.dumps({"gateway": "g", "epoch": EPOCH, "since": EPOCH}).encode(),
        rejection=None,
        pending=None if pending is None else str(now - round(pending * SECOND)).encode(),
        is_complete=True,
        router=b"r",
        status=None if lit is None else json.dumps(shown).encode(),
    )
    facts = charger_facts(raw, Environment(now, {"g": now}, thresholds=THRESHOLDS), 7)
    assert facts is not None
    return Look(facts, to_datetime(now))


def first_outcome(found: Look) -> Outcome | None:
    return judge(found, found)


def test_a_light_of_the_last_reading_is_right() -> None:
    assert first_outcome(look()) is Outcome.RIGHT


@pytest.mark.parametrize(
    ("soc", "status"), [(85, "charging"), (85, "charged"), (0, "charged"), (100, "charging80")]
)
def test_another_colour_than_the_last_reading_calls_for_is_wrong_at_once(
    soc: float, status: str
) -> None:
    """A router wrote the light of this very reading; no delay explains another colour."""
    assert first_outcome(look(soc=soc, status=status)) is Outcome.WRONG


def test_a_light_is_judged_by_the_thresholds_it_was_made_with() -> None:
    assert first_outcome(look(version=2)) is Outcome.WRONG
    assert first_outcome(look(version=2, status="charging")) is Outcome.RIGHT
    older = look(version=0, status="charging")
    assert first_outcome(older) is Outcome.RIGHT, "not known: then only the revision is judged"


def test_a_light_by_thresholds_that_no_router_has_is_never_right() -> None:
    """No router replaces it; but one may have agreed on new ones since they were read."""
    first = look(version=3)
    assert first_outcome(first) is None
    assert judge(look(version=3, after=1), first) is None
    (finding,) = check_light(first.charger, first.at)
    assert finding.text == "yellow (charging80), by thresholds that no router has"


@pytest.mark.parametrize("pending", [None, 0.1, 20])
@pytest.mark.parametrize("lit", [None, 2, 4])
def test_what_a_reading_on_its_way_explains_is_looked_at_again(
    lit: int | None, pending: float | None
) -> None:
    """It may have arrived between reading the one and the other."""
    assert first_outcome(look(lit=lit, pending=pending)) is None


@pytest.mark.parametrize(
    ("after", "outcome"), [(0.1, Outcome.RIGHT), (1.9, Outcome.RIGHT), (5.2, Outcome.LATE)]
)
def test_a_light_that_became_right_is_right_or_late(after: float, outcome: Outcome) -> None:
    first = look(lit=2)
    assert judge(look(after=after), first) is outcome


def test_a_light_that_stays_behind_is_never_right() -> None:
    """Also if its charger goes on reporting, so that it always waits for a moment only."""
    first = look(lit=2, pending=0.1)
    for seconds in (1, 5):
        assert judge(look(3 + seconds, lit=2, pending=0.1, after=seconds), first) is None


def test_a_light_that_stays_ahead_of_its_readings_is_never_right() -> None:
    first = look(lit=1000)
    for seconds in (1, 5):
        assert judge(look(3 + seconds, lit=1000, after=seconds), first) is None


def test_a_charger_that_is_faster_than_the_looks_has_right_lights() -> None:
    behind, ahead = look(lit=2, pending=0), look(lit=4)
    assert judge(look(30, 29, pending=0, after=1), behind) is Outcome.RIGHT
    assert judge(look(30, 31, after=1), ahead) is Outcome.RIGHT


def test_what_was_overtaken_does_not_excuse_another_colour() -> None:
    assert judge(look(30, 30, status="charging", after=1), look(lit=2)) is Outcome.WRONG


def test_a_reading_of_another_pairing_lights_nothing_so_nothing_is_judged() -> None:
    assert not is_judged(look(lit=None, mark="6-0a0a"))
    assert not is_judged(look(lit=None, mark=""))
    assert is_judged(look())


def test_a_pair_that_was_paired_again_is_another_pair() -> None:
    assert is_same_pair(look(after=1), look())
    other = look(after=1)
    entry = type(other.charger.entry)(pairing=8, token="0b0b", widget="w1")
    moved = Look(type(other.charger)(entry, other.charger.state, 7, "8-0b0b", None), other.at)
    assert not is_same_pair(moved, look())


def test_explain_names_the_colour_that_is_called_for() -> None:
    wrong = look(status="charged")
    (finding,) = check_light(wrong.charger, wrong.at)
    assert (finding.mark, finding.text) == (
        "wrong",
        "green (charged); the last reading calls for yellow (charging80)",
    )
    assert finding.cause is not None
    assert "no router wrote it" in finding.cause.verdict.in_words()


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 60), st.integers())
def test_so_many_chargers_are_chosen_as_there_are_but_no_more_than_wanted(
    counts: list[int], most: int, seed: int
) -> None:
    found = shares(counts, most, random.Random(seed))
    assert sum(found.values()) == min(sum(counts), most)
    assert all(0 < share <= counts[partition] for partition, share in found.items())


def test_every_charger_is_as_likely_as_any_other() -> None:
    rng = random.Random(7)
    found: Counter[int] = Counter()
    for _ in range(300):
        found.update(shares([100, 0, 300], 40, rng))
    assert found[0] / (found[0] + found[2]) == pytest.approx(0.25, abs=0.03)
    assert set(found) == {0, 2}


def test_one_registry_is_the_first_of_those_that_live() -> None:
    line = InstanceLine(service="registry", version="1", started_at=7, ready=True)
    gateway = InstanceLine(service="gateway", version="1", started_at=7, ready=True)
    heard = {
        "a-gateway": HeardInstance(NOW, gateway),
        "b-dead": HeardInstance(NOW - 11 * SECOND, line),
        "b-unreadable": HeardInstance(NOW, None),
        "c": HeardInstance(NOW - SECOND, line),
        "d": HeardInstance(NOW, line),
    }
    seen = RedisLook(1.0, NOW, heard, [], 0)
    assert [name for name in ("c", "d", "e") if is_first(name, seen)] == ["c"]
    assert is_first("b", seen), "one that has not said yet how it is"
