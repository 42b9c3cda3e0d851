"""Findings about a widget and its light. No I/O."""

from datetime import datetime, timedelta
from typing import Final

from services.registry.explain.charger_findings import check_reading, offline
from services.registry.explain.facts import ChargerFacts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, format_time
from services.registry.live.state import WidgetState
from shared.contract.device_protocol import ChargingStatus
from shared.contract.devices import Kind

_MOMENT: Final = timedelta(seconds=5)
"""A delay up to this is normal: the hub promises to be right again within this time."""

_COLOURS: Final = {
    ChargingStatus.CHARGING: "red",
    ChargingStatus.CHARGING80: "yellow",
    ChargingStatus.CHARGED: "green",
}


def check_light(charger: ChargerFacts, now: datetime) -> list[Finding]:
    """Check that the last reading became the light; nothing if it may light nothing."""
    about = "light"
    last, lit, pending = charger.state.reading, charger.state.status, charger.state.pending_since
    if last is None or check_reading(charger).mark is not Mark.RIGHT:
        return []
    text = "none in this pairing"
    if lit is not None:
        text = f"{colour(lit.status)} ({lit.status})"
        if lit.revision == last.revision:
            return [Finding(Mark.RIGHT, about, f"{text}, from the last reading")]
        text += f", from an older reading, {lit.revision[0]}/{lit.revision[1]}"
    if pending is not None and now - pending <= _MOMENT:
        return [Finding(Mark.NOTE, about, f"{text}; the last reading is on its way")]
    waits = f"; the last reading waits since {format_time(pending)}" if pending is not None else ""
    cause = Cause(
        Rank.STATUS,
        "The last reading has not become a light.",
        "Look at the log and the /readyz of the router that works on its partition; "
        "restarting it does no harm.",
    )
    return [Finding(Mark.WRONG, about, f"{text}{waits}", cause)]


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
