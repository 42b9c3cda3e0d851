"""The rule of pairing: a charger has at most one widget, a widget at most one charger."""

from enum import Enum, auto


class Decision(Enum):
    """What to do with a wish to pair."""

    KEEP = auto()
    """The two are paired already; pairing them anew would darken the widget for nothing."""
    REFUSE = auto()
    """Another charger has the widget: somebody's light would go out unasked."""
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
        replace: Take the widget away from another charger.
    """
    if widget_now == widget:
        return Decision.KEEP
    if charger_now not in (None, charger) and not replace:
        return Decision.REFUSE
    return Decision.PAIR
