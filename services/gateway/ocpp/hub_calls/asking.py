"""Asking a charger to report its state of charge: which calls, one after the other.

A generator yields each call and is sent its result, None if there is none; it returns what came of
it. What a charger measured before it goes on measuring, unless it takes SoC alone only.
"""

from collections.abc import Generator, Iterator
from typing import Final, NamedTuple

import msgspec

from services.gateway.ocpp.messages import (
    Configuration,
    Status,
    VariableResults,
    read,
    text,
)
from services.gateway.ocpp.negotiation import Version
from shared.contract.presence import OcppNote as Note

_SOC: Final = "SoC"
_MOST_CHARACTERS: Final = 500 - len(",SoC")
"""Of a setting's value in 1.6, so that there is room for one more; in 2.x it may be longer."""
_SECONDS: Final = "60"
"""How often samples are sent, where the charger is set to send none."""

_ACCEPTED: Final = "Accepted"
_REBOOT_REQUIRED: Final = "RebootRequired"

_MEASURANDS_1_6: Final = "MeterValuesSampledData"
_INTERVAL_1_6: Final = "MeterValueSampleInterval"
_COMPONENT: Final = "SampledDataCtrlr"
_MEASURANDS_2: Final = ("TxStartedMeasurands", "TxUpdatedMeasurands", "TxEndedMeasurands")
_INTERVAL_2: Final = "TxUpdatedInterval"


class Question(NamedTuple):
    """A call that is part of asking."""

    action: str
    payload: bytes


class Finding(NamedTuple):
    """What came of asking that an operator should know."""

    note: Note
    said: str


Asking = Generator[Question, bytes | None, list[Finding]]


def ask(version: Version) -> Asking:
    """Ask a charger to report its state of charge; return what an operator should know."""
    return _ask_1_6() if version is Version.V16 else _ask_2()


def trigger(version: Version, connector: int) -> Question:
    """Return the call that asks for a sample of one connector; without it, some say nothing."""
    place: dict[str, object] = (
        {"connectorId": connector} if version is Version.V16 else {"evse": {"id": connector}}
    )
    return _question("TriggerMessage", {"requestedMessage": "MeterValues", **place})


def trigger_state(version: Version, connector: int) -> Question:
    """Return the call that asks for the state of one connector (2.x: of its transaction)."""
    if version is Version.V16:
        payload = {"requestedMessage": "StatusNotification", "connectorId": connector}
        return _question("TriggerMessage", payload)
    evse = {"requestedMessage": "TransactionEvent", "evse": {"id": connector}}
    return _question("TriggerMessage", evse)


def _ask_1_6() -> Asking:
    keys = [_MEASURANDS_1_6, _INTERVAL_1_6]
    own = _settings_in((yield _question("GetConfiguration", {"key": keys})))
    found = _missing(own, (_MEASURANDS_1_6,))
    for key, value in _wanted(own, (_MEASURANDS_1_6,), _INTERVAL_1_6):
        states = yield from _set_1_6(key, own[key], value)
        found += _findings(key, states)
    return found


def _set_1_6(key: str, own: str, wanted: list[str]) -> Generator[Question, bytes | None, list[str]]:
    """Set to the first value that is accepted, or else to its own; return what was answered."""
    said: list[str] = []
    for value in wanted:
        answer = yield _question("ChangeConfiguration", {"key": key, "value": value})
        status = read(answer, Status) if answer is not None else None
        said.append(text(status.status) if status is not None else "")
        if said[-1] in {_ACCEPTED, _REBOOT_REQUIRED}:
            return said
    # Some lose their list when they refuse a new one.
    yield _question("ChangeConfiguration", {"key": key, "value": own})
    return said


def _ask_2() -> Asking:
    names = [*_MEASURANDS_2, _INTERVAL_2]
    answer = yield _question("GetVariables", {"getVariableData": [_variable(n) for n in names]})
    own = _variables_in(answer)
    wanted = dict(_wanted(own, _MEASURANDS_2, _INTERVAL_2))
    said: dict[str, list[str]] = {name: [] for name in wanted}
    open_names = list(wanted)
    # All variables in one call: first the list and SoC, then SoC alone where that was refused.
    for attempt in range(2):
        values = {n: wanted[n][attempt] for n in open_names if attempt < len(wanted[n])}
        if not values:
            break
        answers = _states_in((yield _set_variables(values)))
        for name in values:
            said[name].append(answers.get(name, ""))
        open_names = [n for n in open_names if said[n][-1] not in {_ACCEPTED, _REBOOT_REQUIRED}]
    if open_names:
        yield _set_variables({name: own[name] for name in open_names})
    found = [finding for name in said for finding in _findings(name, said[name])]
    return _missing(own, _MEASURANDS_2) + found


def _wanted(
    own: dict[str, str], measurands: tuple[str, ...], interval: str
) -> Iterator[tuple[str, list[str]]]:
    """Yield the settings to change, each with the values to try."""
    for name in measurands:
        if name in own and _SOC not in (listed := _items(own[name])):
            yield name, list(dict.fromkeys((",".join((*listed, _SOC)), _SOC)))
    if own.get(interval, "").strip() == "0":
        yield interval, [_SECONDS]


def _items(value: str) -> list[str]:
    return [item for part in value.split(",") if (item := part.strip())]


def _missing(own: dict[str, str], measurands: tuple[str, ...]) -> list[Finding]:
    if any(name in own for name in measurands):
        return []
    return [Finding(Note.CANNOT_REPORT, f"{measurands[0]} cannot be read")]


def _findings(name: str, said: list[str]) -> list[Finding]:
    last = said[-1]
    if last == _REBOOT_REQUIRED:
        return [Finding(Note.REBOOT_REQUIRED, f"{name} is set once the charger starts again")]
    if last != _ACCEPTED:
        return [Finding(Note.CANNOT_REPORT, f"{name}: {last or 'no answer'}")]
    return []


def _settings_in(answer: bytes | None) -> dict[str, str]:
    found = read(answer, Configuration) if answer is not None else None
    keys = found.configuration_key if found is not None else None
    return _short({each.key: _value(each.value) for each in keys or ()})


def _variables_in(answer: bytes | None) -> dict[str, str]:
    found = read(answer, VariableResults) if answer is not None else None
    results = found.get_variable_result if found is not None else None
    return _short(
        {
            each.variable.name: _value(each.attribute_value)
            for each in results or ()
            if each.variable is not None and each.attribute_status == _ACCEPTED
        }
    )


def _states_in(answer: bytes | None) -> dict[str, str]:
    found = read(answer, VariableResults) if answer is not None else None
    results = found.set_variable_result if found is not None else None
    return {
        each.variable.name: text(each.attribute_status)
        for each in results or ()
        if each.variable is not None
    }


def _value(value: object) -> str:
    return value if isinstance(value, str) else ""


def _short(values: dict[str, str]) -> dict[str, str]:
    """Leave out what could not be written back."""
    return {name: value for name, value in values.items() if len(value) <= _MOST_CHARACTERS}


def _variable(name: str) -> dict[str, object]:
    return {"component": {"name": _COMPONENT}, "variable": {"name": name}}


def _set_variables(values: dict[str, str]) -> Question:
    data = [{**_variable(name), "attributeValue": value} for name, value in values.items()]
    return _question("SetVariables", {"setVariableData": data})


def _question(action: str, payload: object) -> Question:
    return Question(action, msgspec.json.encode(payload))
