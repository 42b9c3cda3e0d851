"""Explains a light: its findings, and what follows from them. No I/O."""

from services.registry.explain.charger_findings import check_charger
from services.registry.explain.directory_findings import (
    check_pairing,
    check_registration,
    check_rental,
    check_values,
)
from services.registry.explain.facts import Facts
from services.registry.explain.finding import Explanation, Mark, Rank, conclude, wrong
from services.registry.explain.light_findings import check_light, check_widget, colour
from shared.contract.devices import Kind


def explain(facts: Facts) -> Explanation:
    """Explain the light of a charger or a widget."""
    title = f"{facts.kind.value} {facts.id}"
    registered = check_registration(facts)
    if registered.mark is not Mark.RIGHT:
        return conclude(title, [*check_values(facts), registered], "")
    findings = [*check_values(facts), registered, check_pairing(facts), check_rental(facts)]
    if facts.charger is not None:
        findings += check_charger(facts.charger)
    if facts.charger is not None and facts.widget is not None:
        findings += check_light(facts.charger, facts.now)
    if facts.widget is not None:
        findings += check_widget(facts.widget)
    return conclude(title, findings, _all_right(facts))


def without_redis(kind: Kind, device_id: str, reason: str) -> Explanation:
    """Explain a light while Redis is away."""
    finding = wrong(
        "redis",
        reason,
        Rank.DIRECTORY,
        "Redis is away: no light changes.",
        "Bring Redis back. Chargers and widgets stay connected, and all lights are right "
        "again within 5 s of its return.",
    )
    return conclude(f"{kind.value} {device_id}", [finding], "")


def without_directory(kind: Kind, device_id: str) -> Explanation:
    """Explain a light while Redis is there, but not the directory."""
    finding = wrong(
        "directory",
        "not in Redis, so it is not known which devices are registered",
        Rank.DIRECTORY,
        "Redis was emptied, and the directory is not back yet.",
        "A registry puts it back by itself, moments after Postgres answers. Check "
        "that Postgres does.",
    )
    return conclude(f"{kind.value} {device_id}", [finding], "")


def _all_right(facts: Facts) -> str:
    if facts.charger is None or facts.widget is None:
        return "Nothing is wrong."
    state = facts.charger.state
    if state.status is None or state.reading is None:
        return "Nothing is wrong: the light is on its way."
    if state.status.revision != state.reading.revision:
        return "Nothing is wrong: the last reading is on its way."
    return (
        f"All is right: {facts.widget.id} shows {colour(state.status.status)} "
        f"({state.status.status}), from the last reading, {state.reading.soc:g} %."
    )
