"""The state of charge among the values that a charger sampled."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from services.gateway.chargers.readings import MAXIMUM, MINIMUM
from services.gateway.ocpp.messages import Anything, MeterValue, SampledValue, text
from services.gateway.ocpp.timestamps import read_timestamp

_MEASURAND: Final = "SoC"
_UNITS: Final = frozenset(("", "percent", "%"))
_SIGNED: Final = "SignedData"
_TRIGGER: Final = "Trigger"
_NUMBER: Final = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?\s*", re.ASCII
)
_MOST_EXPONENT: Final = 9
_MOST: Final = 1e15


class Sample(NamedTuple):
    """A state of charge, and when it was sampled."""

    level: float
    """In percent."""
    stamp: float | None
    """In seconds since 1970 by the charger's clock; None: it does not say."""
    is_triggered: bool
    """Whether it is the answer to a TriggerMessage, as it says."""


class Samples(NamedTuple):
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
    newest, newest_at, mistake = None, 0.0, ""
    for meter_value in meter_values or ():
        for value in meter_value.sampled_value or ():
            if not _may_be_state_of_charge(value):
                continue
            level = _level_of(value)
            if isinstance(level, str):
                mistake = level
            elif level or zero_counts:
                stamp = read_timestamp(meter_value.timestamp)
                at = float("inf") if stamp is None else stamp
                if newest is None or at >= newest_at:
                    newest, newest_at = Sample(level, stamp, value.context == _TRIGGER), at
    return Samples(newest, mistake)


def _may_be_state_of_charge(value: SampledValue) -> bool:
    measurand = value.measurand  # without one it is energy
    return measurand == _MEASURAND or (
        isinstance(measurand, str) and measurand[:3].lower() == _MEASURAND.lower()
    )


def _level_of(value: SampledValue) -> float | str:
    """Return the level, or why there is none."""
    unit, multiplier = _unit_of(value)
    if value.measurand != _MEASURAND:
        return f"measurand {text(value.measurand)} is not SoC"
    if value.format == _SIGNED:
        return "SoC as signed data cannot be read"
    if not isinstance(unit, str) or unit.strip().lower() not in _UNITS:
        return f"SoC in {text(unit) or 'a unit that is no text'}, not in percent"
    number = _number_in(value.value)
    if number is None:
        return "SoC is no number"
    return _scaled(number, multiplier) if multiplier else _checked(number)


def _scaled(number: float, multiplier: Anything) -> float | str:
    if not isinstance(multiplier, int) or abs(multiplier) > _MOST_EXPONENT:
        return "SoC has a strange multiplier"
    return _checked(number * 10.0**multiplier)


def _checked(number: float) -> float | str:
    if not MINIMUM <= number <= MAXIMUM:
        return "SoC is not from 0 to 100"
    return number or 0.0  # no negative zero


def _unit_of(value: SampledValue) -> tuple[Anything, Anything]:
    """Return the unit, empty if none is said, and the power of ten that the value counts."""
    described = value.unit_of_measure
    if isinstance(described, dict):
        return described.get("unit") or value.unit or "", described.get("multiplier")
    return value.unit or "", None


def _number_in(value: Anything) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _MOST else None  # a whole number may be too great for a float
