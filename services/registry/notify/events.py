"""Events: what is told, as programs and as people get it. No I/O.

Nothing in an event names a visitor: no ticket.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

TEST: Final = "test"
"""The kind of an event that `chargelight notify test` sends. It is not in the outbox."""


class Kind(StrEnum):
    """What an event is about."""

    PHONE_READY = "phone.ready"
    """A phone is full, and has not been collected for so long."""
    CHARGER_SILENT = "charger.silent"
    """A charger with a visitor's phone has not been connected for so long."""
    WIDGET_MISSING = "widget.not_returned"
    """A phone was collected, and its widget has not come back for so long."""
    HUB_TROUBLE = "hub.trouble"
    """The hub has a trouble, or an alert of Prometheus fires."""


class About(StrEnum):
    """What has the condition."""

    CHARGER = "charger"
    WIDGET = "widget"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is not in the outbox yet."""

    kind: str
    about: str
    device: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    ended: bool = False
    subject: str = ""
    """Of the hub: the trouble or alert. Its events are delivered in order, as those of a device."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    id: UUID
    number: int
    at: datetime
    kind: str
    about: str
    device: str
    data: Mapping[str, Any]
    ended: bool = False


class Message(NamedTuple):
    """An event as people read it."""

    title: str
    text: str


def body_of(event: Event) -> bytes:
    """Return an event as webhooks get it: the same bytes at each attempt."""
    return json.dumps(
        {
            "id": str(event.id),
            "number": event.number,
            "at": event.at.isoformat(),
            "kind": event.kind,
            "ended": event.ended,
            "about": event.about,
            "device": event.device or None,
            "data": event.data,
        },
        separators=(",", ":"),
        sort_keys=True,
    ).encode()


def message_of(event: Event) -> Message:
    """Return an event as people read it."""
    title, text = _MESSAGES.get((event.kind, event.ended), _TEST)
    runbook = event.data.get("runbook")
    words = {
        **dict.fromkeys(("since", "charger", "widget", "name", "summary"), "?"),
        **{name: value for name, value in event.data.items() if value is not None},
        "place": _place(event),
        "more": f" What to do: {runbook}" if runbook else "",
    }
    return Message(title.format(**words), text.format(**words))


_TEST: Final = Message(
    "Chargelight: a test", "If you can read this, alerts of this hub reach you here."
)
_MESSAGES: Final[dict[tuple[str, bool], Message]] = {
    (Kind.PHONE_READY, False): Message(
        "Phone ready in {place}",
        "The phone in charger {place} has been full since {since} and was not collected. Its "
        "visitor has the widget {widget}.",
    ),
    (Kind.CHARGER_SILENT, False): Message(
        "Charger {place} is silent",
        "The charger {place} has a visitor's phone, and has not been connected since {since}. Its "
        "widget shows what the charger last said.",
    ),
    (Kind.CHARGER_SILENT, True): Message(
        "Charger {place} is back", "It is connected again, or its phone was collected."
    ),
    (Kind.WIDGET_MISSING, False): Message(
        "Widget {place} was not returned",
        "Its visitor's phone was collected at {since} from the charger {charger}.",
    ),
    (Kind.WIDGET_MISSING, True): Message(
        "Widget {place} was returned", "It can be handed out again."
    ),
    (Kind.HUB_TROUBLE, False): Message("Trouble: {name}", "{summary}{more}"),
    (Kind.HUB_TROUBLE, True): Message("Over: {name}", "It was: {summary}"),
}


def _place(event: Event) -> str:
    """Return the device, with what people call it."""
    called = [text for name in ("label", "location") if (text := event.data.get(name))]
    return f"{event.device} ({', '.join(called)})" if called else event.device
