"""The meter of a connector among the values that a charger sampled."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from services.gateway.ocpp.messages import MeterValue, SampledValue
from services.gateway.ocpp.samples import TRIGGER, by_time, number_in, scaled, unit_in

_REGISTER: Final = "Energy.Active.Import.Register"
_WATT_HOURS: Final = {"": 1.0, "wh": 1.0, "kwh": 1000.0}


class Measured(NamedTuple):
    """What was sampled last in a message, whatever it is."""

    stamp: float | None
    """In seconds since 1970 by the charger's clock; None: it does not say."""
    is_triggered: bool
    watt_hours: float | None
    """How far the meter has counted; None: it is not among the values."""


def newest_measured(meter_values: Iterable[MeterValue] | None) -> Measured | None:
    """Find what was sampled last; of several without a time, the last one. None: nothing was."""
    newest = None
    for stamp, meter_value in by_time(meter_values):
        if values := meter_value.sampled_value:
            is_triggered = any(each.context == TRIGGER for each in values)
            found = [energy for each in values if (energy := _watt_hours_in(each)) is not None]
            newest = Measured(stamp, is_triggered, found[-1] if found else None)
    return newest


def _watt_hours_in(value: SampledValue) -> float | None:
    """Return the energy of all phases in a value; one without a measurand is energy."""
    if value.measurand not in {None, _REGISTER} or value.phase is not None:
        return None
    unit, multiplier = unit_in(value)
    unit = "" if unit is None else unit
    factor = _WATT_HOURS.get(unit.strip().lower()) if isinstance(unit, str) else None
    number = number_in(value.value)
    if factor is None or number is None:
        return None
    number = scaled(number, multiplier)
    return None if number is None else number * factor
