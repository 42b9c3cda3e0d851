"""Findings about a charger that speaks OCPP. No I/O."""

from typing import Final

from services.registry.explain.facts import ChargerFacts
from services.registry.explain.finding import Cause, Finding, Mark, Rank, Said, say
from shared.contract.connectors import read_connector_id
from shared.contract.full_when import SUSPENDED
from shared.contract.presence import OcppCharger, OcppNote

_ABOUT: Final = "ocpp"
_WHY: Final = (
    (
        OcppNote.CANNOT_REPORT,
        "it cannot be told to",
        (
            "Most chargers with alternating current do not know it: no vehicle tells them. Say "
            "what counts as full there: chargelight chargers full-when."
        ),
    ),
    (
        OcppNote.REBOOT_REQUIRED,
        "it was told to, which takes effect when it starts again",
        "Start the charger again.",
    ),
    (
        OcppNote.UNUSABLE_SOC,
        "what it reports is none",
        "Set it up to report the measurand SoC, in percent and unsigned.",
    ),
    (
        OcppNote.NOT_REGISTERED,
        "what it reports is of a connector that is not registered",
        "Register that connector (docs/ocpp.md), or use the one that is.",
    ),
    (
        OcppNote.NO_CONNECTOR,
        "what it reports is of no connector",
        "It must say which connector a state of charge is of.",
    ),
)
"""Why a charger reports no state of charge, the most telling first, and what to do."""


def check_ocpp(charger: ChargerFacts) -> list[Finding]:
    """Check what a charger's gateway knows of it; nothing, unless it speaks OCPP."""
    known = charger.ocpp
    if known is None:
        return []
    state = charger.state
    connector = read_connector_id(state.id)
    said = say("ocpp", "{dialect}, {known}", dialect=known.dialect, known=_describe(known))
    number = connector.number if connector is not None else 0
    if number in known.reporting or number in known.by_setting:
        return [Finding(Mark.RIGHT, _ABOUT, said)]
    if state.reading is not None or not state.online:
        return [Finding(Mark.NOTE, _ABOUT, said)]
    setting = known.full_when.get(number)
    verdict, remedy = _cause(state.id, known) if setting is None else _waits(state.id, setting)
    return [Finding(Mark.WRONG, _ABOUT, said, Cause(Rank.READING, verdict, remedy))]


def _waits(device_id: str, setting: str) -> tuple[Said, str]:
    text = "{id} reports no state of charge, and nothing yet that its setting {setting} goes by."
    verdict = say("ocpp_full_when", text, id=device_id, setting=setting)
    if setting == SUSPENDED:
        return verdict, "It must say that it is Charging, or SuspendedEV: start a transaction."
    return verdict, "Its meter must count, or stand still for so long, in a transaction."


def _cause(device_id: str, known: OcppCharger) -> tuple[Said, str]:
    for note, why, remedy in _WHY:
        if note in known.notes:
            text = f"{{id}} reports no state of charge: {why} ({{said}})."
            return say(f"ocpp_{note}", text, id=device_id, said=known.notes[note]), remedy
    text = "{id} reports no state of charge: it has sent none yet."
    remedy = "It lights its widget as soon as it reports one. The hub has told it to, and asked it."
    return say("ocpp_no_level", text, id=device_id), remedy


def _describe(known: OcppCharger) -> str:
    who = " ".join(each for each in (known.vendor, known.model, known.firmware) if each)
    seen = ", ".join(f"{number} {state}" for number, state in sorted(known.states.items()))
    reporting = ", ".join(map(str, known.reporting))
    notes = "; ".join(f"{code}: {said}" for code, said in known.notes.items())
    return "; ".join(
        each
        for each in (
            who or "it has not said what it is",
            f"connectors: {seen}" if seen else "",
            f"state of charge of connector {reporting}" if reporting else "no state of charge",
            *(_describe_setting(known, number) for number in sorted(known.full_when)),
            notes,
        )
        if each
    )


def _describe_setting(known: OcppCharger, number: int) -> str:
    setting = known.full_when[number]
    if number in known.reporting:
        return f"its own state of charge counts for connector {number}, not {setting}"
    so_far = "" if number in known.by_setting else ", of which nothing has come"
    return f"connector {number} is full when {setting}{so_far}"
