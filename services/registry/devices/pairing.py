"""The rule of pairing: a charger has at most one widget, a widget at most one charger."""

from enum import Enum, auto


class Decision(Enum):
    """What to do with a request to pair."""

    KEEP = auto()
    """The two are a pair already; pairing them again would darken the widget for nothing."""
    REFUSE = auto()
    """One of the two is paired with another device, and another visitor's light would go out."""
    PAIR = auto()
    """Pair them, and end other pairings of the two."""


def decide(
    *, charger: str, widget: str, widget_now: str | None, charger_now: str | None, replace: bool
) -> Decision:
    """Decide on a request to pair ``charger`` with ``widget``.

    Args:
        charger: The charger.
        widget: The widget.
        widget_now: The widget that the charger is paired with now.
        charger_now: The charger that the widget is paired with now.
        replace: End other pairings of the two.
    """
    if widget_now == widget and charger_now == charger:
        return Decision.KEEP
    if (widget_now is not None or charger_now is not None) and not replace:
        return Decision.REFUSE
    return Decision.PAIR
