"""Alerts of Prometheus, as Alertmanager sends them. No I/O.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from services.registry.notify.conditions.changes import Changes, Condition, Over
from services.registry.notify.events import About, Kind

PREFIX: Final = "alert "
"""Of the subjects of alerts: the hub's own troubles have other ones."""
MOST: Final = 1000
"""In one request. Alertmanager does not send again what is refused."""
_LONGEST: Final = 500
_NAME: Final = "alertname"

Texts = dict[str, str]


class Alert(BaseModel):
    """One alert."""

    status: Literal["firing", "resolved"] = Field(description="Whether it fires")
    labels: Texts = Field(
        default_factory=dict,
        description="`alertname` and others",
        examples=[{"alertname": "CanaryDark", "severity": "page"}],
    )
    annotations: Texts = Field(
        default_factory=dict,
        description="`summary`, and where there is one `runbook_url`",
        examples=[{"summary": "The canary's light is late"}],
    )
    starts_at: datetime | None = Field(
        default=None, alias="startsAt", description="Since when it fires"
    )
    fingerprint: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[0-9A-Za-z_-]+$",
        description="Tells it from others",
        examples=["c0ffee0123456789"],
    )


class AlertGroup(BaseModel):
    """What Alertmanager sends: alerts that belong together. What else is in it, is not read."""

    alerts: list[Alert] = Field(max_length=MOST, description="Those that fire, or fired")


def changes_of_alerts(alerts: Iterable[Alert], raised: Mapping[str, Any]) -> Changes:
    """Return what must be told; an alert that Alertmanager repeats is told once.

    Args:
        alerts: Of one request.
        raised: Since when those fire that were told, by their subjects.
    """
    new: list[Condition] = []
    over: list[Over] = []
    for alert in alerts:
        subject = PREFIX + alert.fingerprint
        condition = _condition(subject, alert)
        if alert.status == "resolved":
            over.append(Over(Kind.HUB_TROUBLE, subject))
        elif subject not in raised:
            new.append(condition)
        elif raised[subject] != condition.data["since"]:
            # It was resolved meanwhile, which nobody told us.
            over.append(Over(Kind.HUB_TROUBLE, subject, is_told=False))
            new.append(condition)
    return Changes(tuple(new), tuple(over))


def _condition(subject: str, alert: Alert) -> Condition:
    name = alert.labels.get(_NAME, "an alert without a name")
    notes = alert.annotations
    data = {
        "name": name[:_LONGEST],
        "severity": alert.labels.get("severity", "")[:_LONGEST],
        "summary": (notes.get("summary") or notes.get("description") or name)[:_LONGEST],
        "runbook": (notes.get("runbook_url") or notes.get("runbook") or "")[:_LONGEST],
        "since": alert.starts_at.isoformat() if alert.starts_at else "",
    }
    return Condition(Kind.HUB_TROUBLE, subject, About.HUB, data=_without_nul(data))


def _without_nul(data: Mapping[str, str]) -> dict[str, str]:
    """Return texts that Postgres takes as JSON: without NUL, and halves of surrogate pairs."""
    return {
        name: text.replace("\0", "").encode(errors="replace").decode()
        for name, text in data.items()
    }
