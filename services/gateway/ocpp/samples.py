"""The state of charge among the values that a charger sampled."""

import re
from collections.abc import Iterable
from functools import lru_cache
from math import inf
from typing import Final

import msgspec

from services.gateway.chargers.readings import MAXIMUM, MINIMUM
from services.gateway.ocpp.messages import Anything, MeterValue, SampledValue, text
from services.gateway.ocpp.timestamps import read_timestamp

_MEASURAND: Final = "SoC"
_BEGIN: Final = "soc"
"""How measurands begin that look like it."""
_UNITS: Final = frozenset(("", "percent", "%"))
_SIGNED: Final = "SignedData"
TRIGGER: Final = "Trigger"
_NUMBER: Final = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII
)
_MOST_EXPONENT: Final = 9
_MOST: Final = 1e15
_REMEMBERED: Final = 1024


class Sample(msgspec.Struct, frozen=True, gc=False):
    """A state of charge, and when it was sampled."""

    level: float
    """In percent."""
    stamp: float | None
    """In seconds since 1970 by the charger's clock; None: it does not say."""
    is_triggered: bool
    """Whether it is the answer to a TriggerMessage, as it says."""


class Samples(msgspec.Struct, frozen=True, gc=False):
    """What was found in a message."""

    sample: Sample | None
    """The newest state of charge."""
    mistake: str = ""
    """Why a value that is or seems a state of charge is none; the last one."""


def newest_sample(meter_values: Iterable[MeterValue] | None, *, zero_counts: bool) -> Samples:
    """Find the newest state of charge in a message, by the charger's own times.

    Of two from the same time the later one in the message counts, and one without a time is newer
    than all others. ``zero_counts`` says whether 0 is a level: outside a transaction chargers
    send it for "unknown".
    """
    newest, mistake = None, ""
    for stamp, meter_value in by_time(meter_values):
        for value in meter_value.sampled_value or ():
            if value.measurand != _MEASURAND:  # without one it is energy
                continue
            level = _level_of(value)
            if isinstance(level, str):
                mistake = level
            elif level or zero_counts:
                newest = Sample(level, stamp, value.context == TRIGGER)
    return Samples(newest, mistake or ("" if newest else _lookalike(meter_values)))


def by_time(meter_values: Iterable[MeterValue] | None) -> list[tuple[float | None, MeterValue]]:
    """Return meter values and their own times, the newest last."""
    stamped = [(read_timestamp(each.timestamp), each) for each in meter_values or ()]
    return sorted(stamped, key=lambda each: inf if each[0] is None else each[0])


def _lookalike(meter_values: Iterable[MeterValue] | None) -> str:
    """Say which measurand looks like a state of charge but is none; empty: there is none."""
    for meter_value in meter_values or ():
        for value in meter_value.sampled_value or ():
            measurand = value.measurand
            if (
                isinstance(measurand, str)
                and measurand[:3].lower() == _BEGIN
                and measurand != _MEASURAND
            ):
                return f"measurand {text(measurand)} is not SoC"
    return ""


def _level_of(value: SampledValue) -> float | str:
    """Return the level, or why there is none."""
    if value.format == _SIGNED:
        return "SoC as signed data cannot be read"
    unit, multiplier = unit_in(value)
    if unit is not None and (not isinstance(unit, str) or unit.strip().lower() not in _UNITS):
        return f"SoC in {text(unit) or 'a unit that is no text'}, not in percent"
    number = number_in(value.value)
    if number is None:
        return "SoC is no number"
    number = scaled(number, multiplier)
    if number is None:
        return "SoC has a strange multiplier"
    if not MINIMUM <= number <= MAXIMUM:
        return "SoC is not from 0 to 100"
    return number or 0.0  # no negative zero


def unit_in(value: SampledValue) -> tuple[Anything, Anything]:
    """Return the unit, None if none is said, and the power of ten that the value counts."""
    described = value.unit_of_measure
    if not isinstance(described, dict):
        return value.unit, None
    return described.get("unit", value.unit), described.get("multiplier")


def scaled(number: float, multiplier: Anything) -> float | None:
    """Return a number times a power of ten, if there is one; None: that cannot be read."""
    if not multiplier:
        return number
    if not isinstance(multiplier, int) or abs(multiplier) > _MOST_EXPONENT:
        return None
    return number * 10.0**multiplier


def number_in(said: Anything) -> float | None:
    """Return the number that a value says; None: it is none."""
    return _number_in_text(said) if isinstance(said, str) else _number(said)


@lru_cache(_REMEMBERED)
def _number_in_text(said: str) -> float | None:
    """Return the number in a text. There are few levels, so the last ones are remembered."""
    return float(said) if _NUMBER.fullmatch(said) else None


def _number(said: Anything) -> float | None:
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return said if abs(said) < _MOST else None  # a whole number may be too great for a float
