"""MeterValues with two and with eleven samples: ours, and the package ``ocpp``, in turns."""

import json
import time
from collections.abc import Callable
from typing import Final

from ocpp import messages

from services.gateway.ocpp import frames
from services.gateway.ocpp.conversation import Conversation
from services.gateway.ocpp.messages import MeterValues, read
from services.gateway.ocpp.negotiation import Version
from services.gateway.ocpp.samples import newest_sample
from services.gateway.ocpp.turn import Now
from tests.benchmarks.figures import Report
from tests.benchmarks.options import Options

_OURS: Final = 50_000
_THEIRS: Final = 1_000
_NOW: Final = Now(1000.0, 1_796_032_800.0)
_MEASURANDS: Final = (
    *("Energy.Active.Import.Register", "SoC", "Power.Active.Import", "Current.Import"),
    *("Voltage", "Temperature", "Current.Offered", "Power.Offered", "Frequency", "RPM"),
    "Energy.Reactive.Import.Register",
)


def meter_values(samples: int) -> bytes:
    """Return a message of 1.6 with so many samples, one of them a state of charge."""
    values = [
        {"value": "28", "context": "Sample.Periodic", "measurand": measurand, "location": "Outlet"}
        for measurand in _MEASURANDS[:samples]
    ]
    payload = {
        "connectorId": 1,
        "transactionId": 1_796_032_000,
        "meterValue": [{"timestamp": "2026-11-30T09:59:59Z", "sampledValue": values}],
    }
    return json.dumps([2, "19223201", "MeterValues", payload], separators=(",", ":")).encode()


def checked(message: bytes) -> MeterValues:
    """Decode and check a message."""
    call = frames.decode(message)
    assert isinstance(call, frames.Call)
    found = read(call.payload, MeterValues)
    assert found is not None
    return found


def level_in(message: bytes) -> float:
    """Decode and check a message; return the level in it."""
    sample = newest_sample(checked(message).meter_value, zero_counts=True).sample
    assert sample is not None
    return sample.level


def validated(message: bytes) -> object:
    """Unpack and validate a message with the package."""
    call = messages.unpack(message)
    messages._validate_payload(call, "1.6")
    return call.payload


async def measure(options: Options) -> Report:
    report = Report()
    for samples in (2, len(_MEASURANDS)):
        message = meter_values(samples)
        conversation = Conversation(Version.V16, 300)
        conversation.on_admitted(None, {}, _NOW)
        ways: dict[str, tuple[Callable[[], object], int]] = {
            "decode and check": (lambda: checked(message), _OURS),  # noqa: B023 - called before the next
            "and the level in it": (lambda: level_in(message), _OURS),  # noqa: B023
            "all that it leads to": (lambda: conversation.take(message, _NOW), _OURS),  # noqa: B023
            "package ocpp": (lambda: validated(message), _THEIRS),  # noqa: B023
        }
        used: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(1 if options.quick else options.rounds):
            for name, (way, times) in ways.items():
                used[name].append(_cpu(way, times // 100 if options.quick else times) * 1e6)
        for name, each in used.items():
            report.add(f"ocpp: {samples} samples, {name}", each, "µs")
        report.ratio(
            f"ocpp: {samples} samples, how much cheaper",
            f"ocpp: {samples} samples, package ocpp",
            f"ocpp: {samples} samples, decode and check",
        )
    return report


def _cpu(way: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        way()
    return (time.process_time() - began) / times
