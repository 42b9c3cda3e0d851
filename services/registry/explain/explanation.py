"""The explanation of a light: all that is found, and what follows from it. No I/O."""

from services.registry.explain.charger_findings import of_charger
from services.registry.explain.directory_findings import (
    pairing,
    registration,
    rental,
)
from services.registry.explain.facts import Facts
from services.registry.explain.finding import (
    Cause,
    Explanation,
    Finding,
    Mark,
    Weight,
    concluded,
)
from services.registry.explain.light_findings import colour, light, of_widget
from services.registry.kind import Kind


def explain(facts: Facts) -> Explanation:
    """Explain the light of a charger or a widget."""
    title = f"{facts.kind.value} {facts.id}"
    registered = registration(facts)
    if registered.mark is not Mark.RIGHT:
        return concluded(title, [registered], "")
    findings = [registered, pairing(facts), rental(facts)]
    if facts.charger is not None:
        findings += of_charger(facts.charger)
    if facts.charger is not None and facts.widget is not None:
        findings += light(facts.charger, facts.now)
    if facts.widget is not None:
        findings += of_widget(facts.widget)
    return concluded(title, findings, _all_right(facts))


def without_redis(kind: Kind, device_id: str, reason: str) -> Explanation:
    """Explain a light while Redis is away."""
    finding = Finding(
        Mark.WRONG,
        "redis",
        reason,
        Cause(
            Weight.DIRECTORY,
            "Redis is away: all lights stand still.",
            "Bring Redis back. Chargers and widgets stay connected, and all lights are right "
            "again within 5 s of its return.",
        ),
    )
    return concluded(f"{kind.value} {device_id}", [finding], "")


def without_directory(kind: Kind, device_id: str) -> Explanation:
    """Explain a light while Redis is there, but not the directory."""
    finding = Finding(
        Mark.WRONG,
        "directory",
        "not in Redis, so nobody can tell who is registered",
        Cause(
            Weight.DIRECTORY,
            "Redis was emptied, and the directory is not back yet.",
            "A registry puts it back by itself, within moments of Postgres answering. See "
            "whether Postgres does.",
        ),
    )
    return concluded(f"{kind.value} {device_id}", [finding], "")


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
