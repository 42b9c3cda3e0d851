"""Findings about a widget and its light. No I/O."""

from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from services.registry.explain.charger_findings import check_reading, offline
from services.registry.explain.facts import ChargerFacts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, Value, say
from services.registry.live.state import WidgetState
from shared.contract.device_protocol import ChargingStatus
from shared.contract.devices import Kind

_MOMENT: Final = timedelta(seconds=5)
"""A delay up to this is normal: the hub promises to be right again within this time."""

_NOT_LIT: Final = Cause(
    Rank.STATUS,
    say("not_lit", "The last reading has not become a light."),
    "Look at the log and the /readyz of the router that works on its partition; "
    "restarting it does no harm.",
)
_STRANGE: Final = Cause(
    Rank.STATUS,
    say("wrong_light", "The light is not what the last reading calls for: no router wrote it."),
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
    judgement = judge_light(charger, now)
    if judgement is Judgement.NOTHING_TO_LIGHT:
        return []
    text, values = _light(charger)
    if judgement is Judgement.RIGHT:
        said = say("light", f"{text}, from the last reading", **values)
        return [Finding(Mark.RIGHT, about, said)]
    if judgement is Judgement.WRONG_COLOUR and (wanted := charger.calls_for) is not None:
        said = say(
            "light_wrong",
            f"{text}; the last reading calls for {{wanted_colour}} ({{wanted}})",
            **values,
            wanted=wanted.value,
            wanted_colour=colour(wanted),
        )
        return [Finding(Mark.WRONG, about, said, _STRANGE)]
    if charger.has_unknown_thresholds:
        code, text = "light_of_unknown_thresholds", f"{text}, by thresholds that no router has"
    elif (lit := charger.state.status) is not None:
        code, text = (
            "light_of_older_reading",
            f"{text}, from an older reading, {{epoch}}/{{sequence}}",
        )
        values |= {"epoch": lit.revision[0], "sequence": lit.revision[1]}
    else:
        code = "no_light"
    if judgement is Judgement.ON_ITS_WAY:
        said = say(f"{code}_yet", f"{text}; the last reading is on its way", **values)
        return [Finding(Mark.NOTE, about, said)]
    if (pending := charger.state.pending_since) is not None:
        code, text = f"{code}_since", f"{text}; the last reading waits since {{since}}"
        values |= {"since": pending}
    return [Finding(Mark.WRONG, about, say(code, text, **values), _NOT_LIT)]


def _light(charger: ChargerFacts) -> tuple[str, dict[str, Value]]:
    """Return what a charger's light is, as a template and its values."""
    lit = charger.state.status
    if lit is None:
        return "none in this pairing", {}
    return "{colour} ({status})", {"colour": colour(lit.status), "status": lit.status.value}


def check_widget(widget: WidgetState) -> list[Finding]:
    """Check that the widget is connected."""
    about = "widget"
    if widget.online:
        names = ", ".join(each.gateway for each in widget.gateways)
        return [
            Finding(
                Mark.RIGHT,
                about,
                say(
                    "connected",
                    "{id} is connected to {gateway} since {since}",
                    id=widget.id,
                    gateway=names,
                    since=widget.since,
                ),
            )
        ]
    cause = Cause(
        Rank.WIDGET,
        say(
            "widget_offline",
            "{id} is offline: nothing reaches it, whatever its LED shows.",
            id=widget.id,
        ),
        "Check its power and its network. It gets its light as soon as it connects.",
    )
    return [offline(Kind.WIDGET, widget, cause)]


def colour(status: ChargingStatus) -> str:
    """Return the colour of the LED."""
    return _COLOURS[status]
