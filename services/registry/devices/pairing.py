"""The rule of pairing: a charger has at most one widget, a widget at most one charger."""

from enum import Enum, auto


class Decision(Enum):
    """What to do with a wish to pair."""

    KEEP = auto()
    """The two are paired already; pairing them anew would darken the widget for nothing."""
    REFUSE = auto()
    """One of the two is paired with another one: somebody's light would go out unasked."""
    PAIR = auto()
    """Pair them; former pairings of either end."""


def decide(
    *, charger: str, widget: str, widget_now: str | None, charger_now: str | None, replace: bool
) -> Decision:
    """Decide on a wish to pair ``charger`` with ``widget``.

    Args:
        charger: The charger.
        widget: The widget it shall have.
        widget_now: The widget that the charger has now.
        charger_now: The charger that has the widget now.
        replace: End what either of them is part of now.
    """
    if widget_now == widget and charger_now == charger:
        return Decision.KEEP
    if (widget_now is not None or charger_now is not None) and not replace:
        return Decision.REFUSE
    return Decision.PAIR
