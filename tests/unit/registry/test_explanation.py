"""Why is this light as it is: each situation, as an operator reads it.

The expected screens are in ``__snapshots__``. After a change on purpose:
``make test ARGS="tests/unit/registry/test_explanation.py --snapshot-update"``, and read them.
"""

import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from services.cli.commands.explain import screen
from services.registry.devices.open_rentals import OpenRental
from services.registry.explain.explanation import (
    explain,
    explain_either,
    without_directory,
    without_redis,
)
from services.registry.explain.facts import (
    Facts,
    PostgresFacts,
    charger_facts,
)
from services.registry.explain.finding import Explanation
from services.registry.live.redis_values import (
    Environment,
    RawCharger,
    RawWidget,
)
from services.registry.live.state import to_datetime, widget_state
from shared.contract.devices import Kind
from shared.contract.thresholds import Thresholds

SECOND = 1_000_000
NOW = 1_795_494_065_000_000
EPOCH = NOW - 600 * SECOND
ENVIRONMENT = Environment(
    NOW,
    {"gateway-a": NOW - SECOND, "gateway-b": NOW - 2 * SECOND},
    thresholds={1: Thresholds.parse("charging=0,charging80=80,charged=100")},
)
HERE: dict[str, Any] = {"gateway": "gateway-a", "epoch": EPOCH, "since": EPOCH}
OPEN = OpenRental(uuid.UUID(int=1), 1, "c1234", "wABCD", "0815", to_datetime(NOW - 900 * SECOND))
TOKEN = "9f2c7a1b4e0d3c55"
PAIRED = {"pairing": 7, "token": TOKEN, "paired_at": NOW - 900 * SECOND, "widget": "wABCD"}


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def as_json(value: object) -> bytes | None:
    return None if value is None else json.dumps(value).encode()


def reading(age: int = 30, mark: str = f"7-{TOKEN}") -> dict[str, Any]:
    at = NOW - age * SECOND
    return {"epoch": EPOCH, "revision": [EPOCH, 3], "soc": 85, "received_at": at, "mark": mark}


def lit(status: str = "charging80", sequence: int = 3, pairing: int = 7) -> dict[str, Any]:
    return {
        "data": {"status": status},
        "widget": "wABCD",
        "charger": "c1234",
        "pairing": pairing,
        "revision": [EPOCH, sequence],
        "thresholds": 1,
    }


def refused(code: str, message: str, age: int = 10) -> dict[str, Any]:
    return {"at": NOW - age * SECOND, "gateway": "gateway-b", "code": code, "message": message}


FINE: dict[str, Any] = {
    "entry": PAIRED,
    "live": reading(),
    "presence": HERE,
    "rejection": None,
    "pending": None,
    "router": "router-1",
    "status": lit(),
    "widget_entry": {"pairing": 7, "charger": "c1234"},
    "widget_presence": {"gateways": {"gateway-b": NOW - 300 * SECOND}},
    "widget_rejection": None,
    "recorded": 7,
    "rental": None,
}

SITUATIONS: dict[str, dict[str, Any]] = {
    "all fine": {"rental": OPEN},
    "unregistered": {"entry": None, "recorded": None},
    "unpaired": {
        "entry": {"pairing": 9},
        "recorded": 9,
        "status": None,
    },
    "offline widget": {"widget_presence": {"gateways": {}, "left": NOW - 120 * SECOND}},
    "superseded charger": {
        "rejection": refused("superseded", "a newer connection of this charger counts")
    },
    "a bad frame last": {
        "rejection": refused("out_of_range", "data.soc must be from 0 to 100"),
    },
    "a charger that sends too fast": {
        "rejection": refused("too_fast", "for 10 s it sent more than 16384 bytes a second"),
    },
    "a bad frame, and a good one since": {
        "rejection": refused("out_of_range", "data.soc must be from 0 to 100", age=60),
    },
    "offline charger": {"presence": {**HERE, "left": NOW - 90 * SECOND}},
    "its gateway was killed": {"presence": {**HERE, "gateway": "gateway-x"}},
    "a charger that never came": {"presence": None, "live": None, "status": None},
    "a wrong secret": {
        "presence": None,
        "live": None,
        "status": None,
        "rejection": refused("unauthorized", "its secret is missing or wrong"),
    },
    "a widget with a wrong secret": {
        "widget_presence": None,
        "widget_rejection": refused("unauthorized", "its secret is missing or wrong"),
    },
    "connected, and silent": {"live": {"epoch": EPOCH}, "status": None},
    "the last visitor's reading": {
        "live": reading(mark="6-0123456789abcdef"),
        "status": None,
    },
    "a reading without a mark": {"live": reading(mark=""), "status": None},
    "no router": {"router": None, "pending": NOW - 20 * SECOND, "status": lit("charging", 2)},
    "a router that does not get on": {
        "pending": NOW - 20 * SECOND,
        "status": lit("charging", 2),
    },
    "on its way": {"pending": NOW - SECOND // 10, "status": lit("charging", 2)},
    "nothing lit, and nobody works on it": {"status": None},
    "a status written by hand": {"status": lit("charged")},
    "a pairing half in effect": {"widget_entry": {"pairing": 8, "charger": "c1234"}},
    "registered a moment ago": {"entry": None},
    "a change not in effect": {"recorded": 8},
    "postgres away": {"postgres": False},
    "postgres away, and not in the directory": {"postgres": False, "entry": None},
}


def explained(kind: Kind, **changes: Any) -> Explanation:
    known = {**FINE, **changes}
    pending = known["pending"]
    raw_charger = RawCharger(
        id="c1234",
        entry=as_json(known["entry"]),
        is_complete=True,
        live=as_json(known["live"]),
        presence=as_json(known["presence"]),
        rejection=as_json(known["rejection"]),
        pending=None if pending is None else str(pending).encode(),
        router=known["router"] and known["router"].encode(),
        status=as_json(known["status"]),
    )
    raw_widget = RawWidget(
        id="wABCD",
        entry=as_json(known["widget_entry"]),
        is_complete=True,
        presence=as_json(known["widget_presence"]),
        rejection=as_json(known["widget_rejection"]),
        status=as_json(known["status"]),
    )
    charger = charger_facts(raw_charger, ENVIRONMENT, 7)
    widget = widget_state(raw_widget, ENVIRONMENT)
    if kind is Kind.CHARGER and (charger is None or charger.state.widget is None):
        widget = None
    if kind is Kind.WIDGET and (widget is None or widget.charger is None):
        charger = None
    postgres = PostgresFacts(known["recorded"], known["rental"])
    device_id = "c1234" if kind is Kind.CHARGER else "wABCD"
    facts = Facts(
        kind,
        device_id,
        to_datetime(NOW),
        charger,
        widget,
        postgres if known.get("postgres", True) else None,
        known.get("unreadable", ()),
        known.get("refused", ()),
    )
    other = Kind.WIDGET if kind is Kind.CHARGER else Kind.CHARGER
    return explain(facts, of_nobody(other, device_id))


def of_nobody(kind: Kind, device_id: str, number: int | None = None) -> Facts:
    """What is known of an id that Redis does not know, and Postgres only with a number."""
    return Facts(kind, device_id, to_datetime(NOW), None, None, PostgresFacts(number, None), ())


def in_other_capitals(facts: Facts, similar: str) -> Facts:
    return replace(facts, postgres=PostgresFacts(None, None, similar))


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_charger_is_explained(situation: str, snapshot: SnapshotAssertion) -> None:
    assert screen(explained(Kind.CHARGER, **SITUATIONS[situation]).model_dump()) == snapshot


@pytest.mark.parametrize(
    ("situation", "changes"),
    [
        ("all fine", {}),
        ("unregistered", {"widget_entry": None, "recorded": None}),
        ("unpaired", {"widget_entry": {"pairing": 9}, "recorded": 9}),
        ("offline", SITUATIONS["offline widget"]),
        ("its charger is offline", SITUATIONS["offline charger"]),
    ],
)
def test_a_widget_is_explained(
    situation: str, changes: dict[str, Any], snapshot: SnapshotAssertion
) -> None:
    assert situation
    assert screen(explained(Kind.WIDGET, **changes).model_dump()) == snapshot


@pytest.mark.parametrize("kind", Kind)
def test_each_text_has_a_code_and_the_values_to_say_it_in_another_language(kind: Kind) -> None:
    said: dict[str, set[str]] = {}
    verdicts: dict[str, set[str]] = {}
    for changes in SITUATIONS.values():
        shown = explained(kind, **changes).model_dump(mode="json")
        for each in (*shown["findings"], shown):
            assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", each["code"])
            text = each["verdict"] if each is shown else each["text"]
            collected = verdicts if each is shown else said
            collected.setdefault(each["code"], set()).add(_without(text, each["values"]))
    assert len(said) > 10
    assert len(verdicts) > 10
    # A code stands for one text, apart from its values.
    of_codes = [*said.items(), *verdicts.items()]
    assert [code for code, texts in of_codes if len(texts) > 1] == []


def _without(text: str, values: dict[str, Any]) -> str:
    """Return a text with its values' names in place of them."""
    for name, value in sorted(values.items(), key=lambda each: -len(str(each[1]))):
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        text = text.replace(shown, f"<{name}>")
    return text


def test_what_is_away_is_explained_too(snapshot: SnapshotAssertion) -> None:
    reason = "can not connect to Redis: Connection refused"
    assert screen(without_redis("charger c1234", reason).model_dump()) == snapshot
    assert screen(without_directory("widget wABCD").model_dump()) == snapshot


def test_what_cannot_be_read_is_named_before_what_follows_from_it() -> None:
    found = explained(Kind.CHARGER, live=None, unreadable=["the live state of c1234"])
    assert "the live state of c1234" in found.findings[0].text
    assert found.verdict.startswith("Another program wrote to Redis")
    unknown = explained(Kind.WIDGET, widget_entry=None, unreadable=["the directory entry of wABCD"])
    assert unknown.verdict == found.verdict


def test_of_several_causes_the_one_is_told_that_explains_the_others() -> None:
    unpaired, silent, offline = (
        SITUATIONS[name] for name in ("unpaired", "a charger that never came", "offline widget")
    )
    assert "not paired" in explained(Kind.CHARGER, **{**silent, **unpaired}).verdict
    assert "c1234 is offline" in explained(Kind.CHARGER, **{**offline, **silent}).verdict


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_is_wrong_comes_with_what_to_do(situation: str) -> None:
    explanation = explained(Kind.CHARGER, **SITUATIONS[situation])
    is_wrong = any(finding.mark == "wrong" for finding in explanation.findings)
    assert explanation.verdict
    if is_wrong:
        assert explanation.remedy
    if explanation.remedy is None:
        assert not is_wrong


def test_the_id_of_the_other_kind_is_said_to_be_that() -> None:
    charger, widget = of_nobody(Kind.CHARGER, "w1"), of_nobody(Kind.WIDGET, "w1", number=7)
    explanation = explain(charger, widget)
    assert explanation.verdict == "w1 is the id of a widget, not of a charger."
    assert explanation.remedy == "Look at the widget: chargelight explain --widget w1"


@pytest.mark.parametrize(
    ("numbers", "title"),
    [
        ((7, None), "charger x"),
        ((None, 7), "widget x"),
        ((7, 8), "charger x"),
        ((None, None), "x"),
    ],
)
def test_an_id_is_explained_as_what_it_is(
    numbers: tuple[int | None, int | None], title: str
) -> None:
    of_charger, of_widget = (
        of_nobody(kind, "x", number) for kind, number in zip(Kind, numbers, strict=True)
    )
    explanation = explain_either(of_charger, of_widget)
    assert explanation.title == title
    if numbers == (None, None):
        assert "chargers register x, or chargelight widgets register x" in str(explanation.remedy)


def test_an_id_in_other_capitals_is_explained_by_the_one_there_is() -> None:
    nobody = [of_nobody(kind, "X") for kind in Kind]
    charger, widget = in_other_capitals(nobody[0], "x"), nobody[1]
    for explanation in (explain_either(charger, widget), explain(charger, widget)):
        assert "There is x: capitals matter" in str(explanation.remedy)
    assert "capitals" not in str(explain(widget, charger).remedy)
