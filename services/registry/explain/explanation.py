"""Explains a light: its findings, and what follows from them. No I/O."""

from services.registry.explain.charger_findings import check_charger
from services.registry.explain.directory_findings import (
    check_pairing,
    check_registration,
    check_rental,
    check_values,
    is_registered,
    neither_kind,
    other_kind,
    same_id,
)
from services.registry.explain.facts import Facts
from services.registry.explain.finding import (
    NOTHING_WRONG,
    Explanation,
    Finding,
    Mark,
    Rank,
    Said,
    conclude,
    say,
    wrong,
)
from services.registry.explain.light_findings import check_light, check_widget, colour
from services.registry.explain.refused_findings import check_refused, note_refused
from services.registry.explain.shared_id_findings import check_shared_id
from services.registry.live.state import ChargerState, WidgetState
from shared.contract.devices import Kind


def explain(facts: Facts, other: Facts) -> Explanation:
    """Explain the light of a charger or a widget; ``other`` is the other kind with this id."""
    title = f"{facts.kind.value} {facts.id}"
    registered = check_registration(facts)
    if is_registered(other) and not is_registered(facts):
        registered = other_kind(facts, other)
    if registered.mark is not Mark.RIGHT:
        noted = note_refused(facts.id, facts.refused)
        return conclude(title, [*check_values(facts), registered, *noted])
    findings = [*check_values(facts), registered, check_pairing(facts), check_rental(facts)]
    if is_registered(other):
        findings.append(same_id(other))
    if facts.charger is not None:
        findings += check_charger(facts.charger)
        findings += _check_connecting(facts, Kind.CHARGER, facts.charger.state)
    if facts.charger is not None and facts.widget is not None:
        findings += check_light(facts.charger, facts.now)
    if facts.widget is not None:
        findings += check_widget(facts.widget)
        findings += _check_connecting(facts, Kind.WIDGET, facts.widget)
    return conclude(title, findings, _all_right(facts))


def _check_connecting(
    facts: Facts, kind: Kind, device: ChargerState | WidgetState
) -> list[Finding]:
    return [
        *check_refused(kind, device, facts.refused),
        *check_shared_id(kind, device, facts.refused, facts.now),
    ]


def explain_either(of_charger: Facts, of_widget: Facts) -> Explanation:
    """Explain the light of the device that has an id, whichever kind it is."""
    if is_registered(of_charger):
        return explain(of_charger, of_widget)
    if is_registered(of_widget):
        return explain(of_widget, of_charger)
    noted = note_refused(of_charger.id, of_charger.refused)
    findings = [
        *check_values(of_charger),
        *check_values(of_widget),
        neither_kind(of_charger, of_widget),
        *noted,
    ]
    return conclude(of_charger.id, findings)


def without_redis(title: str, reason: str) -> Explanation:
    """Explain a light while Redis is away."""
    finding = wrong(
        "redis",
        say("redis_error", "{reason}", reason=reason),
        Rank.DIRECTORY,
        say("redis_away", "Redis is away: no light changes."),
        "Bring Redis back. Chargers and widgets stay connected, and all lights are right "
        "again within 5 s of its return.",
    )
    return conclude(title, [finding])


def without_directory(title: str) -> Explanation:
    """Explain a light while Redis is there, but not the directory."""
    finding = wrong(
        "directory",
        say("no_directory", "not in Redis, so it is not known which devices are registered"),
        Rank.DIRECTORY,
        say("directory_absent", "Redis was emptied, and the directory is not back yet."),
        "A registry puts it back by itself, moments after Postgres answers. Check "
        "that Postgres does.",
    )
    return conclude(title, [finding])


def _all_right(facts: Facts) -> Said:
    if facts.charger is None or facts.widget is None:
        return NOTHING_WRONG
    state = facts.charger.state
    if state.status is None or state.reading is None:
        return say("light_on_its_way", "Nothing is wrong: the light is on its way.")
    if state.status.revision != state.reading.revision:
        return say("reading_on_its_way", "Nothing is wrong: the last reading is on its way.")
    return say(
        "all_right",
        "All is right: {widget} shows {colour} ({status}), from the last reading, {level:g} %.",
        widget=facts.widget.id,
        colour=colour(state.status.status),
        status=state.status.status.value,
        level=state.reading.soc,
    )
