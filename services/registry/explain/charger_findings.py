"""Findings about a charger and its router. No I/O."""

from services.registry.explain.facts import ChargerFacts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, format_time, wrong
from services.registry.live.state import ChargerState, LastRejection, WidgetState
from shared.contract.devices import Kind
from shared.contract.presence import RejectionCode


def check_charger(charger: ChargerFacts) -> list[Finding]:
    """Check a charger's connection, reading and last refusal, and its router."""
    state = charger.state
    return [
        _check_connection(state),
        check_reading(charger),
        _check_rejection(state),
        _check_router(charger),
    ]


def _check_connection(state: ChargerState) -> Finding:
    about = "charger"
    if state.online:
        return Finding(
            Mark.RIGHT,
            about,
            f"{state.id} is connected to {state.gateway} since {format_time(state.since)}",
        )
    cause = Cause(
        Rank.CHARGER,
        f"{state.id} is offline: its phone's level is not reported, and the light stays as it is.",
        "Check its power and its network. It must connect to the charger port, and then "
        "send its level again.",
    )
    return offline(Kind.CHARGER, state, cause)


def offline(kind: Kind, state: ChargerState | WidgetState, otherwise: Cause) -> Finding:
    """Return the finding about an offline device; its cause is ``otherwise`` or a wrong secret."""
    seen = f"last seen at {format_time(state.last_seen)}" if state.last_seen else "never seen"
    cause, rejection = otherwise, state.last_rejection
    if rejection is not None and rejection.code == RejectionCode.UNAUTHORIZED:
        cause = Cause(
            Rank.CREDENTIALS,
            f"{state.id} is refused: it presents no secret or certificate, or a wrong one.",
            f"Give it a new one: chargelight {kind.value}s secret generate {state.id}",
        )
    return Finding(Mark.WRONG, kind.value, f"{state.id} is offline, {seen}", cause)


def check_reading(charger: ChargerFacts) -> Finding:
    """Check a charger's last reading, and whether it may light the widget."""
    about = "last reading"
    state, entry = charger.state, charger.entry
    last = state.reading
    if last is None:
        return wrong(
            about,
            "none",
            Rank.READING,
            f"{state.id} has not reported a level.",
            "It lights its widget as soon as it reports one.",
        )
    epoch, sequence = last.revision
    text = f"{last.soc:g} % at {format_time(last.received_at)}, revision {epoch}/{sequence}"
    if entry.widget and not charger.mark:
        return Finding(
            Mark.UNKNOWN,
            about,
            f"{text}; without a mark of its pairing",
            Cause(
                Rank.READING,
                f"It is not known whether {state.id} reported this level before it was paired, so "
                "it lights nothing.",
                "It lights as soon as the charger reports again.",
            ),
        )
    if entry.widget and charger.mark != entry.mark:
        return wrong(
            about,
            f"{text}, of pairing {charger.mark}, not of {entry.mark}",
            Rank.READING,
            f"{state.id} has not reported since it was paired; what it reported before is "
            "the last visitor's, and lights nothing.",
            "It lights as soon as the charger reports again.",
        )
    return Finding(Mark.RIGHT, about, text)


def _check_rejection(state: ChargerState) -> Finding:
    about = "last refusal"
    rejection = state.last_rejection
    if rejection is None:
        return Finding(Mark.RIGHT, about, "none")
    at = format_time(rejection.at)
    text = f"{rejection.code} at {at} on {rejection.gateway}: {rejection.message}"
    if state.reading is not None and state.reading.received_at >= rejection.at:
        return Finding(Mark.NOTE, about, f"{text} (it has reported since)")
    cause = _rejection_cause(rejection, state)
    return Finding(Mark.WRONG if cause else Mark.NOTE, about, text, cause)


def _rejection_cause(rejection: LastRejection, state: ChargerState) -> Cause | None:
    match rejection.code:
        case RejectionCode.SUPERSEDED:
            newest = f"the one on {state.gateway} since {format_time(state.since)}"
            return Cause(
                Rank.SUPERSEDED,
                f"An older connection of {state.id} still sends, and only the newest counts: "
                f"{newest if state.online else 'it has ended since'}.",
                "If two devices use this id, give one of them an id of its own. If it is one "
                "device, its firmware must connect again after close code 4409.",
            )
        case RejectionCode.TOO_FAST:
            return Cause(
                Rank.FRAMES,
                f"{state.id} sent too much for too long and was closed with 4429; it has not "
                "reported since.",
                "Its firmware must send less: a reading a second is plenty "
                "(docs/protocol.md, Limits).",
            )
        case RejectionCode.UNAUTHORIZED | RejectionCode.SILENT:
            # The charger is connected all the same; if it is not, the finding "offline" says so.
            return None
        case _:
            return Cause(
                Rank.FRAMES,
                f"The last thing that {state.id} sent was refused, so its light stays as it is.",
                "Its firmware must send what docs/protocol.md says: "
                '{"event":"StateOfCharge","data":{"soc":70}}',
            )


def _check_router(charger: ChargerFacts) -> Finding:
    about = "router"
    if charger.state.router is not None:
        return Finding(
            Mark.RIGHT, about, f"{charger.state.router} works on partition {charger.partition}"
        )
    return wrong(
        about,
        f"none works on partition {charger.partition}",
        Rank.ROUTER,
        "No router works on this charger's partition: its light does not change.",
        "Another router takes over within 5 s. Check that one runs.",
    )
