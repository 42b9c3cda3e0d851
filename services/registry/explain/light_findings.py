"""What an explanation finds about a widget and its light. No I/O."""

from datetime import datetime, timedelta
from typing import Final

from services.registry.explain.charger_findings import reading
from services.registry.explain.facts import OfCharger
from services.registry.explain.finding import Cause, Finding, Mark, Weight, when
from services.registry.live.state import WidgetState
from shared.contract.device_protocol import ChargingStatus
from shared.contract.presence import RejectionCode

_MOMENT: Final = timedelta(seconds=5)
"""What lasts no longer is normal: the hub promises to be right again within this time."""

_COLOURS: Final = {
    ChargingStatus.CHARGING: "red",
    ChargingStatus.CHARGING80: "yellow",
    ChargingStatus.CHARGED: "green",
}


def light(charger: OfCharger, now: datetime) -> list[Finding]:
    """Tell what the widget was last lit with; nothing, where nothing is to be lit."""
    about = "light"
    last, lit, pending = charger.state.reading, charger.state.status, charger.state.pending_since
    if last is None or reading(charger).mark is not Mark.RIGHT:
        return []
    said = "none in this pairing"
    if lit is not None:
        said = f"{colour(lit.status)} ({lit.status})"
        if lit.revision == last.revision:
            return [Finding(Mark.RIGHT, about, f"{said}, from the last reading")]
        said += f", from an older reading, {lit.revision[0]}/{lit.revision[1]}"
    if pending is not None and now - pending <= _MOMENT:
        return [Finding(Mark.NOTE, about, f"{said}; the last reading is on its way")]
    waits = f"; the last reading waits since {when(pending)}" if pending is not None else ""
    cause = Cause(
        Weight.STATUS,
        "The last reading has not become a light.",
        "Look at the log and the /readyz of the router that works on its partition; "
        "restarting it does no harm.",
    )
    return [Finding(Mark.WRONG, about, f"{said}{waits}", cause)]


def of_widget(widget: WidgetState) -> list[Finding]:
    """Tell where the widget is."""
    about = "widget"
    if widget.online:
        names = ", ".join(each.gateway for each in widget.gateways)
        return [
            Finding(
                Mark.RIGHT, about, f"{widget.id} is connected to {names} since {when(widget.since)}"
            )
        ]
    seen = f"last seen at {when(widget.last_seen)}" if widget.last_seen else "never seen"
    refused = widget.last_rejection
    if refused is not None and refused.code == RejectionCode.UNAUTHORIZED:
        cause = Cause(
            Weight.CREDENTIALS,
            f"{widget.id} is turned away: it presents no secret, or a wrong one.",
            f"Give it a new one: chargelight widgets secret generate {widget.id}",
        )
    else:
        cause = Cause(
            Weight.WIDGET,
            f"{widget.id} is offline: nothing reaches it, whatever its LED shows.",
            "See whether it has power and a network. It gets its light as soon as it connects.",
        )
    return [Finding(Mark.WRONG, about, f"{widget.id} is offline, {seen}", cause)]


def colour(status: ChargingStatus) -> str:
    """Return the colour of the LED."""
    return _COLOURS[status]
