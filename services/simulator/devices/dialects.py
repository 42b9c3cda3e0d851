"""How a simulated charger speaks: our own protocol, or OCPP as a charger does that is on sale."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import count
from typing import Any, Final, Protocol

from services.simulator.devices import messages
from services.simulator.devices.messages import NotUnderstoodError


class DialectName(StrEnum):
    """The dialects, by the names that a person types; those of OCPP are its subprotocols."""

    NATIVE = "native"
    OCPP_16 = "ocpp1.6"
    OCPP_201 = "ocpp2.0.1"


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message of the hub means."""

    answers: tuple[str, ...] = ()
    complaint: tuple[str, str] | None = None
    """Code and words, if the hub complains; the code is empty if it is no message of the
    protocol."""


class Dialect(Protocol):
    """How a charger speaks."""

    @property
    def subprotocol(self) -> str:
        """What it offers; empty: none."""

    def greet(self) -> list[str]:
        """Return what it says first on each connection."""

    def reading(self, level: float) -> str:
        """Return the message that reports a state of charge, in percent."""

    def hear(self, message: str | bytes, level: float | None) -> Heard:
        """Take a message of the hub; ``level`` is the newest one reported."""


def dialect_of(name: DialectName) -> Dialect:
    """Return a dialect by its name."""
    return Native() if name is DialectName.NATIVE else Ocpp(name)


class Native:
    """Our own protocol (``docs/protocol.md``)."""

    subprotocol = ""

    def greet(self) -> list[str]:
        """Say nothing first."""
        return []

    def reading(self, level: float) -> str:
        """Return the message that reports a state of charge, in percent."""
        return messages.reading(level)

    def hear(self, message: str | bytes, level: float | None) -> Heard:  # noqa: ARG002
        """Take a message: there are only errors."""
        try:
            found = messages.read(message)
        except NotUnderstoodError as error:
            return Heard(complaint=("", f"not in the protocol: {error}"))
        if isinstance(found, messages.ErrorMessage):
            return Heard(complaint=(found.data.code, found.data.message))
        return Heard(complaint=("", f"a charger gets no charging status: {message!r:.200}"))


_CALL: Final = 2
_RESULT: Final = 3
_ERROR: Final = 4


@dataclass(slots=True)
class Ocpp:
    """OCPP 1.6 or 2.0.1, as much of it as one connector needs.

    It says its level by itself and when it is asked, and cannot be set up.
    """

    version: DialectName
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def subprotocol(self) -> str:
        """The version."""
        return self.version.value

    @property
    def _is_16(self) -> bool:
        return self.version is DialectName.OCPP_16

    def greet(self) -> list[str]:
        """Say what it is."""
        maker, model = "Chargelight", "Simulator"
        boot: dict[str, Any] = {"chargePointVendor": maker, "chargePointModel": model}
        if not self._is_16:
            station = {"vendorName": maker, "model": model}
            boot = {"reason": "PowerUp", "chargingStation": station}
        return [self._call("BootNotification", boot)]

    def reading(self, level: float, context: str = "Sample.Periodic") -> str:
        """Return the message that reports a state of charge, in percent."""
        value: object = f"{level:g}" if self._is_16 else level
        sample: dict[str, object] = {"value": value, "measurand": "SoC", "context": context}
        if self._is_16:
            sample["unit"] = "Percent"
        at = self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {"timestamp": at, "sampledValue": [sample]}
        connector = "connectorId" if self._is_16 else "evseId"
        return self._call("MeterValues", {connector: 1, "meterValue": [values]})

    def hear(self, message: str | bytes, level: float | None) -> Heard:
        """Take a result, an error or a call."""
        try:
            match json.loads(message):
                case [kind, str(), dict()] if kind == _RESULT:
                    return Heard()
                case [kind, str(), str(code), str(words), *_] if kind == _ERROR:
                    return Heard(complaint=(code, words))
                case [kind, str(call_id), str(action), dict()] if kind == _CALL:
                    return Heard(self._answer(call_id, action, level))
        except ValueError:
            pass
        return Heard(complaint=("", f"not in the protocol: {message!r:.200}"))

    def _answer(self, call_id: str, action: str, level: float | None) -> tuple[str, ...]:
        if action != "TriggerMessage":
            said = "a simulator cannot do that"
            return (json.dumps([_ERROR, call_id, "NotImplemented", said, {}]),)
        accepted = json.dumps([_RESULT, call_id, {"status": "Accepted"}])
        return (accepted,) if level is None else (accepted, self.reading(level, "Trigger"))

    def _call(self, action: str, payload: object) -> str:
        return json.dumps([_CALL, str(next(self._ids)), action, payload])
