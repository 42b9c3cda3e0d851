"""Series for ``promtool test rules``, written as phases of seconds."""

from dataclasses import dataclass, field
from typing import Any

GONE = None
"""The value of a gauge, or the rate of a counter, whose target is no longer there."""

Phase = tuple[int, float | None]
"""For how many seconds, and the value of a gauge, or what a counter grows by in a second."""


@dataclass(frozen=True, slots=True)
class Case:
    """An alert, what happens to its series, and when it fires.

    Attributes:
        alert: Its name.
        why: What the case shows.
        series: Phases of each series: `gauge` or `counter`, made for `step`.
        firing: How many alerts fire, by the second.
        labels: Which of the alerts are counted.
        step: Seconds between samples.
    """

    alert: str
    why: str
    series: dict[str, str]
    firing: dict[int, int]
    labels: dict[str, str] = field(default_factory=dict)
    step: int = 5

    def as_test(self) -> dict[str, Any]:
        """Return it as promtool reads it."""
        labels = {"alertname": self.alert, "alertstate": "firing", **self.labels}
        matchers = ",".join(f'{name}="{text}"' for name, text in labels.items())
        return {
            "interval": f"{self.step}s",
            "input_series": [{"series": name, "values": v} for name, v in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": f"count(ALERTS{{{matchers}}})",
                    "eval_time": f"{second}s",
                    "exp_samples": [{"labels": "{}", "value": count}] if count else [],
                }
                for second, count in self.firing.items()
            ],
        }


def gauge(*phases: Phase, step: int = 5) -> str:
    """Return the values of a gauge."""
    return " ".join(
        _gone(seconds // step) if value is GONE else " ".join([str(value)] * (seconds // step))
        for seconds, value in phases
    )


def counter(*phases: Phase, step: int = 5) -> str:
    """Return the values of a counter, which grows from 0 on."""
    texts, value = [], 0.0
    for seconds, rate in phases:
        count = seconds // step
        if rate is GONE:
            texts.append(_gone(count))
        else:
            texts.append(f"{value}+{rate * step}x{count - 1}")
            value += rate * step * count
    return " ".join(texts)


def _gone(count: int) -> str:
    return f"stale _x{count - 1}"
