"""Findings about a widget and its light. No I/O."""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from services.registry.explain.charger_findings import check_reading, offline
from services.registry.explain.facts import ChargerFacts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, format_time
from services.registry.live.state import WidgetState
from shared.contract.device_protocol import ChargingStatus
from shared.contract.devices import Kind

_MOMENT: Final = timedelta(seconds=5)
"""A delay up to this is normal: the hub promises to be right again within this time."""

_NOT_LIT: Final = Cause(
    Rank.STATUS,
    "The last reading has not become a light.",
    "Look at the log and the /readyz of the router that works on its partition; "
    "restarting it does no harm.",
)
_STRANGE: Final = Cause(
    Rank.STATUS,
    "The light is not what the last reading calls for: no router wrote it.",
    "It is replaced by itself within about a minute. If it comes back, find out who writes to "
    "Redis: nothing but Chargelight may.",
)

_COLOURS: Final = {
    ChargingStatus.CHARGING: "red",
    ChargingStatus.CHARGING80: "yellow",
    ChargingStatus.CHARGED: "green",
}


class Judgement(Enum):
    """How a light is, compared with the last reading."""

    NOTHING_TO_LIGHT = auto()
    """There is no reading, or none that may light anything."""
    RIGHT = auto()
    ON_ITS_WAY = auto()
    """It is of an older reading, and has been for no more than a moment."""
    NOT_LIT = auto()
    """It is of another reading, or by thresholds that no router has, or there is none."""
    WRONG_COLOUR = auto()
    """It is of the last reading, which calls for another one: no router writes that."""


def judge_light(charger: ChargerFacts, now: datetime) -> Judgement:
    """Compare a charger's light with its last reading: the one rule for what is right."""
    last, lit, pending = charger.state.reading, charger.state.status, charger.state.pending_since
    if last is None or check_reading(charger).mark is not Mark.RIGHT:
        return Judgement.NOTHING_TO_LIGHT
    if lit is not None and lit.revision == last.revision:
        if charger.has_unknown_thresholds:
            return Judgement.NOT_LIT  # unless a router has agreed on them meanwhile
        is_right = charger.calls_for in (None, lit.status)
        return Judgement.RIGHT if is_right else Judgement.WRONG_COLOUR
    if pending is not None and now - pending <= _MOMENT:
        return Judgement.ON_ITS_WAY
    return Judgement.NOT_LIT


def check_light(charger: ChargerFacts, now: datetime) -> list[Finding]:
    """Check that the last reading became the light; nothing if it may light nothing."""
    about = "light"
    lit, pending = charger.state.status, charger.state.pending_since
    text = "none in this pairing" if lit is None else f"{colour(lit.status)} ({lit.status})"
    judgement = judge_light(charger, now)
    if judgement is Judgement.NOTHING_TO_LIGHT:
        return []
    if judgement is Judgement.RIGHT:
        return [Finding(Mark.RIGHT, about, f"{text}, from the last reading")]
    if judgement is Judgement.WRONG_COLOUR and charger.calls_for is not None:
        wanted = f"{colour(charger.calls_for)} ({charger.calls_for})"
        return [
            Finding(Mark.WRONG, about, f"{text}; the last reading calls for {wanted}", _STRANGE)
        ]
    if charger.has_unknown_thresholds:
        text += ", by thresholds that no router has"
    elif lit is not None:
        text += f", from an older reading, {lit.revision[0]}/{lit.revision[1]}"
    if judgement is Judgement.ON_ITS_WAY:
        return [Finding(Mark.NOTE, about, f"{text}; the last reading is on its way")]
    waits = f"; the last reading waits since {format_time(pending)}" if pending is not None else ""
    return [Finding(Mark.WRONG, about, f"{text}{waits}", _NOT_LIT)]


def check_widget(widget: WidgetState) -> list[Finding]:
    """Check that the widget is connected."""
    about = "widget"
    if widget.online:
        names = ", ".join(each.gateway for each in widget.gateways)
        return [
            Finding(
                Mark.RIGHT,
                about,
                f"{widget.id} is connected to {names} since {format_time(widget.since)}",
            )
        ]
    cause = Cause(
        Rank.WIDGET,
        f"{widget.id} is offline: nothing reaches it, whatever its LED shows.",
        "Check its power and its network. It gets its light as soon as it connects.",
    )
    return [offline(Kind.WIDGET, widget, cause)]


def colour(status: ChargingStatus) -> str:
    """Return the colour of the LED."""
    return _COLOURS[status]
