"""When a light counts as right, late or wrong. No I/O.

Readings and statuses are in different hash slots, so no script reads both at one moment: between
two reads a reading may arrive, and be lit. Nor is a light that is on its way a wrong one. So what
is not right at the first look is looked at again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from services.registry.explain.facts import ChargerFacts
from services.registry.explain.light_findings import Judgement, judge_light

SOON: Final = timedelta(seconds=2)
"""A light that was found right within this time counts as right."""


class Outcome(StrEnum):
    """How a light was found: a closed set."""

    RIGHT = "right"
    """It is the one that the last reading calls for, or soon was."""
    LATE = "late"
    """It became right, but later than that."""
    WRONG = "wrong"
    """It is of the last reading and not what that calls for; or it did not become right in the
    time in which the hub promises to be right again."""


@dataclass(frozen=True, slots=True)
class Look:
    """A connected pair, as it was at one moment."""

    charger: ChargerFacts
    at: datetime
    """By Redis' clock."""

    @property
    def judgement(self) -> Judgement:
        """What `explain` says."""
        return judge_light(self.charger, self.at)

    @property
    def reading(self) -> list[int]:
        """The last reading's revision."""
        last = self.charger.state.reading
        return last.revision if last else []

    @property
    def light(self) -> list[int]:
        """The revision of the reading that the light is of; empty: there is no light."""
        lit = self.charger.state.status
        return lit.revision if lit else []


def judge(look: Look, first: Look) -> Outcome | None:
    """Return what is certain of a light; None: it must be looked at again, if there is time.

    Args:
        look: How the pair is.
        first: How it was at the first look: the same one, or an earlier one.
    """
    if look.judgement is Judgement.WRONG_COLOUR:
        return Outcome.WRONG
    if look.charger.has_unknown_thresholds:
        return None  # nothing tells whether its colour is right
    if look.judgement is Judgement.RIGHT or _has_moved_on(look, first):
        return Outcome.RIGHT if look.at - first.at < SOON else Outcome.LATE
    return None


def _has_moved_on(look: Look, first: Look) -> bool:
    """Tell whether what was seen first was overtaken: the reading by the light, and vice versa.

    A charger may report so often that at no look its light is of its last reading.
    """
    return look is not first and look.light >= first.reading and look.reading >= first.light


def is_same_pair(look: Look, first: Look) -> bool:
    """Tell whether nothing was paired since the first look, so that the two can be compared."""
    return look.charger.entry.mark == first.charger.entry.mark


def is_judged(look: Look) -> bool:
    """Tell whether there is anything to judge: a reading that may light the widget."""
    return look.judgement is not Judgement.NOTHING_TO_LIGHT
