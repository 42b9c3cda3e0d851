"""What programs and people get of an event, and its signature."""

import json
import re
import types
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.registry.notify.events import TEST, Event, Kind, body_of, message_of
from services.registry.notify.sending.signing import EVENT_ID, SIGNATURE, TIMESTAMP, headers

DOCUMENT = Path(__file__).resolve().parents[4] / "docs/notifications.md"
SECRET = "opensesame" * 4
AT = 1_795_494_065


def event(kind: str = Kind.PHONE_READY, *, ended: bool = False, **data: object) -> Event:
    return Event(
        UUID("d0a76458-117d-49e4-90b3-7fcdf758705e"),
        12,
        datetime(2026, 11, 24, 20, 0, tzinfo=UTC),
        kind,
        "charger",
        "c1234",
        data,
        ended=ended,
    )


def test_a_body_says_which_event_it_is_and_is_the_same_each_time() -> None:
    body = body_of(event(since="2026-11-24T19:48:00+00:00"))
    assert body == body_of(event(since="2026-11-24T19:48:00+00:00"))
    assert json.loads(body) == {
        "id": "d0a76458-117d-49e4-90b3-7fcdf758705e",
        "number": 12,
        "at": "2026-11-24T20:00:00+00:00",
        "kind": "phone.ready",
        "ended": False,
        "about": "charger",
        "device": "c1234",
        "data": {"since": "2026-11-24T19:48:00+00:00"},
    }


@pytest.mark.parametrize("kind", [*Kind, TEST])
@pytest.mark.parametrize("ended", [False, True])
def test_people_can_read_every_event_whatever_is_in_it(kind: str, *, ended: bool) -> None:
    for data in ({}, {"label": "{0} {name}", "since": "12:00", "widget": None, "runbook": "{x}"}):
        message = message_of(event(kind, ended=ended, **data))
        assert message.title
        assert message.text


def test_people_are_told_which_device_it_is_by_what_they_call_it() -> None:
    message = message_of(event(label="Booth 3, left", location="Main stage", widget="wABCD"))
    assert message.title == "Phone ready in c1234 (Booth 3, left, Main stage)"
    assert "wABCD" in message.text


def test_an_alert_says_what_to_do() -> None:
    message = message_of(
        event(
            Kind.HUB_TROUBLE, name="RedisAway", summary="Lights stand still.", runbook="https://r"
        )
    )
    assert message == ("Trouble: RedisAway", "Lights stand still. What to do: https://r")


def documented() -> Any:
    """Return the receiver's function that the document shows."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    module = types.ModuleType("receiver")
    exec(compile(code, str(DOCUMENT), "exec"), module.__dict__)  # noqa: S102 - our own document
    return module.is_genuine


def test_a_receiver_finds_a_request_genuine_as_the_document_says() -> None:
    body = body_of(event())
    sent = headers(SECRET, event().id, AT, body)
    assert sent[EVENT_ID] == str(event().id)
    assert documented()(SECRET, sent, body, now=AT + 1)


@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: "v1=" + "0" * 64},
        {SIGNATURE: "v1=é"},
        {SIGNATURE: ""},
        {TIMESTAMP: str(AT + 1)},
        {TIMESTAMP: "soon"},
    ],
)
def test_a_receiver_finds_a_changed_request_out(change: dict[str, str]) -> None:
    body = body_of(event())
    sent = headers(SECRET, event().id, AT, body)
    is_genuine = documented()
    assert not is_genuine(SECRET, sent | change, body, now=AT)
    assert not is_genuine(SECRET, sent, body + b" ", now=AT)
    assert not is_genuine("another" * 5, sent, body, now=AT)
    assert not is_genuine(SECRET, sent, body, now=AT + 301), "an old one, sent again by a stranger"
