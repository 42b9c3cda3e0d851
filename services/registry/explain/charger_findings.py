"""What an explanation finds about a charger and the router behind it. No I/O."""

from services.registry.explain.facts import OfCharger
from services.registry.explain.finding import Cause, Finding, Mark, Weight, when
from services.registry.live.state import ChargerState, LastRejection
from shared.contract.presence import RejectionCode


def of_charger(charger: OfCharger) -> list[Finding]:
    """Tell where it is, what it said, what was refused of it, and who works on it."""
    state = charger.state
    return [_connection(state), reading(charger), _rejection(state), _router(charger)]


def _connection(state: ChargerState) -> Finding:
    about = "charger"
    if state.online:
        return Finding(
            Mark.RIGHT,
            about,
            f"{state.id} is connected to {state.gateway} since {when(state.since)}",
        )
    seen = f"last seen at {when(state.last_seen)}" if state.last_seen else "never seen"
    refused = state.last_rejection
    if refused is not None and refused.code == RejectionCode.UNAUTHORIZED:
        return Finding(
            Mark.WRONG,
            about,
            f"{state.id} is offline, {seen}",
            Cause(
                Weight.CREDENTIALS,
                f"{state.id} is turned away: it presents no secret, or a wrong one.",
                f"Give it a new one: chargelight chargers secret generate {state.id}",
            ),
        )
    return Finding(
        Mark.WRONG,
        about,
        f"{state.id} is offline, {seen}",
        Cause(
            Weight.CHARGER,
            f"{state.id} is offline: nobody reports its phone's level, and the light stays as "
            "it is.",
            "See whether it has power and a network. It must connect to the charger port, and "
            "send its level again when it has.",
        ),
    )


def reading(charger: OfCharger) -> Finding:
    """Tell what it said last, and whether that may light anything."""
    about = "last reading"
    state, entry = charger.state, charger.entry
    last = state.reading
    if last is None:
        return Finding(
            Mark.WRONG,
            about,
            "none",
            Cause(
                Weight.READING,
                f"{state.id} has not reported a level.",
                "It lights its widget as soon as it reports one.",
            ),
        )
    epoch, sequence = last.revision
    said = f"{last.soc:g} % at {when(last.received_at)}, revision {epoch}/{sequence}"
    if entry.widget and entry.floor is None:
        return Finding(
            Mark.UNKNOWN,
            about,
            f"{said}; Redis was emptied, so it may be the last visitor's",
            Cause(
                Weight.READING,
                f"Whether {state.id} reported this level before it was paired is not known, so "
                "it lights nothing.",
                "It lights as soon as the charger reports again.",
            ),
        )
    if entry.widget and entry.floor is not None and (epoch, sequence) <= entry.floor:
        return Finding(
            Mark.WRONG,
            about,
            f"{said}: before it was paired",
            Cause(
                Weight.READING,
                f"{state.id} has not reported since it was paired; what it reported before is "
                "the last visitor's, and lights nothing.",
                "It lights as soon as the charger reports again.",
            ),
        )
    return Finding(Mark.RIGHT, about, said)


def _rejection(state: ChargerState) -> Finding:
    about = "last refusal"
    refused = state.last_rejection
    if refused is None:
        return Finding(Mark.RIGHT, about, "none")
    said = f"{refused.code} at {when(refused.at)} on {refused.gateway}: {refused.message}"
    if state.reading is not None and state.reading.received_at >= refused.at:
        return Finding(Mark.NOTE, about, f"{said} (it has reported since)")
    cause = _cause_of(refused, state)
    return Finding(Mark.WRONG if cause else Mark.NOTE, about, said, cause)


def _cause_of(refused: LastRejection, state: ChargerState) -> Cause | None:
    match refused.code:
        case RejectionCode.SUPERSEDED:
            newest = f"the one on {state.gateway} since {when(state.since)}"
            return Cause(
                Weight.SUPERSEDED,
                f"An older connection of {state.id} still speaks, and only the newest counts: "
                f"{newest if state.online else 'it has ended since'}.",
                "If two devices use this id, give one of them an id of its own. If it is one "
                "device, its firmware must connect again after close code 4409.",
            )
        case RejectionCode.TOO_FAST:
            return Cause(
                Weight.FRAMES,
                f"{state.id} sent too much for too long and was closed with 4429; it has not "
                "reported since.",
                "Its firmware must send less: a reading a second is plenty "
                "(docs/protocol.md, Limits).",
            )
        case RejectionCode.UNAUTHORIZED | RejectionCode.SILENT:
            # Of an attempt beside a connection that stands; or of one that is gone: then
            # "offline" says it.
            return None
        case _:
            return Cause(
                Weight.FRAMES,
                f"The last thing that {state.id} sent was refused, so its light stays as it is.",
                "Its firmware must send what docs/protocol.md says: "
                '{"event":"StateOfCharge","data":{"soc":70}}',
            )


def _router(charger: OfCharger) -> Finding:
    about = "router"
    if charger.state.router is not None:
        return Finding(
            Mark.RIGHT, about, f"{charger.state.router} works on partition {charger.partition}"
        )
    return Finding(
        Mark.WRONG,
        about,
        f"none works on partition {charger.partition}",
        Cause(
            Weight.ROUTER,
            "No router works on this charger's partition: its light stands still.",
            "Others take over within 5 s of a router's end. See whether any router runs.",
        ),
    )
