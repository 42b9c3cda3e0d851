"""Findings about a charger and its router. No I/O."""

from typing import Final

from services.registry.explain.facts import ChargerFacts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, Said, Value, say, wrong
from services.registry.explain.ocpp_findings import check_ocpp
from services.registry.live.state import ChargerState, LastRejection, WidgetState
from shared.contract.devices import Kind
from shared.contract.presence import RejectionCode

_READING: Final = "last reading"


def check_charger(charger: ChargerFacts) -> list[Finding]:
    """Check a charger's connection, reading and last refusal, and its router."""
    state = charger.state
    return [
        _check_connection(state),
        *check_ocpp(charger),
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
            say(
                "connected",
                "{id} is connected to {gateway} since {since}",
                id=state.id,
                gateway=state.gateway,
                since=state.since,
            ),
        )
    cause = Cause(
        Rank.CHARGER,
        say(
            "charger_offline",
            "{id} is offline: its phone's level is not reported, and the light stays as it is.",
            id=state.id,
        ),
        "Check its power and its network. It must connect to the charger port, and then "
        "send its level again.",
    )
    return offline(Kind.CHARGER, state, cause)


def offline(kind: Kind, state: ChargerState | WidgetState, otherwise: Cause) -> Finding:
    """Return the finding about an offline device; its cause is ``otherwise`` or a wrong secret."""
    said = say("offline_never_seen", "{id} is offline, never seen", id=state.id)
    if state.last_seen:
        text = "{id} is offline, last seen at {last_seen}"
        said = say("offline", text, id=state.id, last_seen=state.last_seen)
    cause, rejection = otherwise, state.last_rejection
    if rejection is not None and rejection.code == RejectionCode.UNAUTHORIZED:
        cause = Cause(
            Rank.CREDENTIALS,
            say(
                "unauthorized",
                "{id} is refused: it presents no secret or certificate, or a wrong one.",
                id=state.id,
                kind=kind.value,
            ),
            "Give it a new one: chargelight {kind}s secret generate {id}",
        )
    return Finding(Mark.WRONG, kind.value, said, cause)


def check_reading(charger: ChargerFacts) -> Finding:
    """Check a charger's last reading, and whether it may light the widget."""
    last = charger.state.reading
    if last is None:
        return wrong(
            _READING,
            say("no_reading", "none"),
            Rank.READING,
            say("no_level", "{id} has not reported a level.", id=charger.state.id),
            "It lights its widget as soon as it reports one.",
        )
    epoch, sequence = last.revision
    said = say(
        "reading",
        "{level:g} % at {at}, revision {epoch}/{sequence}",
        level=last.soc,
        at=last.received_at,
        epoch=epoch,
        sequence=sequence,
    )
    if charger.entry.widget and (not charger.mark or charger.mark != charger.entry.mark):
        return _of_another_pairing(charger, said)
    return Finding(Mark.RIGHT, _READING, said)


def _of_another_pairing(charger: ChargerFacts, reading: Said) -> Finding:
    text, values, name = reading.template, reading.values, charger.state.id
    remedy = "It lights as soon as the charger reports again."
    if not charger.mark:
        said = say("reading_without_mark", f"{text}; without a mark of its pairing", **values)
        verdict = say(
            "reading_unsure",
            "It is not known whether {id} reported this level before it was paired, so it lights "
            "nothing.",
            id=name,
        )
        return Finding(Mark.UNKNOWN, _READING, said, Cause(Rank.READING, verdict, remedy))
    said = say(
        "reading_of_another_pairing",
        f"{text}, of pairing {{mark}}, not of {{pairing}}",
        mark=charger.mark,
        pairing=charger.entry.mark,
        **values,
    )
    verdict = say(
        "reading_of_last_visitor",
        "{id} has not reported since it was paired; what it reported before is the last "
        "visitor's, and lights nothing.",
        id=name,
    )
    return wrong(_READING, said, Rank.READING, verdict, remedy)


def _check_rejection(state: ChargerState) -> Finding:
    about = "last refusal"
    rejection = state.last_rejection
    if rejection is None:
        return Finding(Mark.RIGHT, about, say("no_refusal", "none"))
    text = "{reason} at {at} on {gateway}: {message}"
    values: dict[str, Value] = {
        "reason": rejection.code,
        "at": rejection.at,
        "gateway": rejection.gateway,
        "message": rejection.message,
    }
    if state.reading is not None and state.reading.received_at >= rejection.at:
        said = say("refusal_before_reading", f"{text} (it has reported since)", **values)
        return Finding(Mark.NOTE, about, said)
    cause = _rejection_cause(rejection, state)
    mark = Mark.WRONG if cause else Mark.NOTE
    return Finding(mark, about, say("refusal", text, **values), cause)


def _rejection_cause(rejection: LastRejection, state: ChargerState) -> Cause | None:
    match rejection.code:
        case RejectionCode.SUPERSEDED:
            text = "An older connection of {id} still sends, and only the newest counts: "
            verdict = say("superseded_ended", f"{text}it has ended since.", id=state.id)
            if state.online:
                verdict = say(
                    "superseded",
                    f"{text}the one on {{gateway}} since {{since}}.",
                    id=state.id,
                    gateway=state.gateway,
                    since=state.since,
                )
            return Cause(
                Rank.SUPERSEDED,
                verdict,
                "If two devices use this id, give one of them an id of its own. If it is one "
                "device, its firmware must connect again after close code 4409.",
            )
        case RejectionCode.TOO_FAST:
            return Cause(
                Rank.FRAMES,
                say(
                    "too_fast",
                    "{id} sent too much for too long and was closed with 4429; it has not "
                    "reported since.",
                    id=state.id,
                ),
                "Its firmware must send less: a reading a second is plenty "
                "(docs/protocol.md, Limits).",
            )
        case RejectionCode.UNAUTHORIZED | RejectionCode.SILENT:
            # The charger is connected all the same; if it is not, the finding "offline" says so.
            return None
        case _:
            return Cause(
                Rank.FRAMES,
                say(
                    "bad_frame",
                    "The last thing that {id} sent was refused, so its light stays as it is.",
                    id=state.id,
                ),
                "Its firmware must send what docs/protocol.md says: "
                '{{"event":"StateOfCharge","data":{{"soc":70}}}}',
            )


def _check_router(charger: ChargerFacts) -> Finding:
    about = "router"
    if charger.state.router is not None:
        return Finding(
            Mark.RIGHT,
            about,
            say(
                "router",
                "{router} works on partition {partition}",
                router=charger.state.router,
                partition=charger.partition,
            ),
        )
    return wrong(
        about,
        say("no_router", "none works on partition {partition}", partition=charger.partition),
        Rank.ROUTER,
        say(
            "partition_without_router",
            "No router works on this charger's partition: its light does not change.",
        ),
        "Another router takes over within 5 s. Check that one runs.",
    )
