"""Payloads of OCPP, as far as the hub reads or writes them.

What a charger sends is decoded tolerantly: all members may be missing, and where versions or
chargers differ, a member is any JSON. Members that are not named here are skipped.
"""

from typing import Any, Final, TypeVar

import msgspec

from shared.contract.tolerant_json import NOT_DECODABLE

Anything = Any
"""Any JSON; null and a missing member are the same."""


class _Received(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What a charger sends: trees without cycles, which no garbage collector need look at."""


class SampledValue(_Received, frozen=True, gc=False):
    """One value of a sample."""

    value: Anything = None
    measurand: Anything = None
    unit: Anything = None
    """1.6."""
    unit_of_measure: Anything = None
    """2.x: an object with unit and multiplier."""
    format: Anything = None
    context: Anything = None
    phase: Anything = None


class MeterValue(_Received, frozen=True, gc=False):
    """Values that were sampled at one time."""

    timestamp: Anything = None
    sampled_value: tuple[SampledValue, ...] | None = None


class MeterValues(_Received, frozen=True, gc=False):
    """Samples of a connector (1.6) or an EVSE (2.x)."""

    connector_id: int | None = None
    evse_id: int | None = None
    transaction_id: Anything = None
    meter_value: tuple[MeterValue, ...] | None = None


class StartTransaction(_Received, frozen=True, gc=False):
    """1.6: a transaction began; the answer gives it its id."""

    connector_id: int | None = None
    timestamp: Anything = None
    meter_start: Anything = None
    id_tag: Anything = None


class StopTransaction(_Received, frozen=True, gc=False):
    """1.6: a transaction ended; its connector is not named."""

    transaction_id: int | None = None
    timestamp: Anything = None
    transaction_data: tuple[MeterValue, ...] | None = None


class Evse(_Received, frozen=True, gc=False):
    """2.x: where a vehicle is charged. The hub counts EVSEs as connectors."""

    id: int | None = None


class TransactionInfo(_Received, frozen=True, gc=False):
    """2.x: what is known of a transaction."""

    transaction_id: Anything = None
    charging_state: Anything = None


class TransactionEvent(_Received, frozen=True, gc=False):
    """2.x: a transaction began, goes on, or ended."""

    event_type: Anything = None
    timestamp: Anything = None
    offline: Anything = None
    transaction_info: TransactionInfo | None = None
    evse: Evse | None = None
    id_token: Anything = None
    meter_value: tuple[MeterValue, ...] | None = None


class StatusNotification(_Received, frozen=True, gc=False):
    """The state of a connector."""

    connector_id: int | None = None
    evse_id: int | None = None
    status: Anything = None
    """1.6."""
    connector_status: Anything = None
    """2.x."""
    timestamp: Anything = None


class ChargingStation(_Received, frozen=True, gc=False):
    """2.x: what a charger is."""

    vendor_name: Anything = None
    model: Anything = None
    firmware_version: Anything = None


class BootNotification(_Received, frozen=True, gc=False):
    """A charger started, or connected for the first time."""

    charge_point_vendor: Anything = None
    charge_point_model: Anything = None
    firmware_version: Anything = None
    charging_station: ChargingStation | None = None
    """2.x; the three before are 1.6's."""


class ConfigurationKey(_Received, frozen=True, gc=False):
    """1.6: a setting of a charger."""

    key: str = ""
    readonly: Anything = None
    value: Anything = None


class Configuration(_Received, frozen=True, gc=False):
    """1.6: the result of GetConfiguration."""

    configuration_key: tuple[ConfigurationKey, ...] | None = None


class Named(_Received, frozen=True, gc=False):
    """2.x: a component or a variable."""

    name: str = ""


class VariableResult(_Received, frozen=True, gc=False):
    """2.x: what became of reading or setting one variable."""

    attribute_status: Anything = None
    attribute_value: Anything = None
    variable: Named | None = None


class VariableResults(_Received, frozen=True, gc=False):
    """2.x: the result of GetVariables or SetVariables."""

    get_variable_result: tuple[VariableResult, ...] | None = None
    set_variable_result: tuple[VariableResult, ...] | None = None


class StatusInfo(_Received, frozen=True, gc=False):
    """2.x: why a call is accepted or not."""

    reason_code: Anything = None
    additional_info: Anything = None


class Status(_Received, frozen=True, gc=False):
    """The result of a call that is accepted or not."""

    status: Anything = None


class StatusWithInfo(Status, frozen=True, gc=False):
    """The same, and why."""

    status_info: StatusInfo | None = None


_Payload = TypeVar("_Payload", bound=_Received)
_DECODERS: Final[dict[type[Any], msgspec.json.Decoder[Any]]] = {}
"""Made when first needed; the same for all connections."""


def read(payload: bytes | msgspec.Raw, kind: type[_Payload]) -> _Payload | None:
    """Return a payload, or None if a member that must be a list or an object is something else."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        # Not strict: a number may be written as a string.
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind, strict=False)
    try:
        found: _Payload = decoder.decode(payload)
    except NOT_DECODABLE:
        return None
    return found


def text(value: Anything, most: int = 50) -> str:
    """Return what a charger says in a form that may be shown; empty if it is no text."""
    said = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in said[:most])
