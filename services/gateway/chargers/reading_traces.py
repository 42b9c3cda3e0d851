"""The first spans of readings that are traced: accepted from a charger, and stored."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.process.traces.time_ns import time_ns

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from shared.process.traces.tracing import Tracing


@dataclass(slots=True, eq=False, repr=False)
class ReadingTrace:
    """A traced reading of a connection, which has one at most that is not stored yet."""

    sequence: int
    accepted: "Span"
    stored: "Span | None" = None


class TracedCharger(Protocol):
    """A charger's connection, as far as traces need it."""

    device_id: str
    sequence: int
    received_at: float
    trace: ReadingTrace | None


class TracedReading(Protocol):
    """A reading on its way to Redis, as far as traces need it."""

    @property
    def charger(self) -> TracedCharger:
        """Return the connection that it came from."""

    @property
    def sequence(self) -> int:
        """Return its number within the connection."""


@dataclass(eq=False, repr=False)
class ReadingTraces:
    """Begins traces, and ends their spans here.

    Nothing that a device sends becomes a part of them but its id.
    """

    tracing: "Tracing"
    clock: Callable[[], float]

    def on_reading(self, charger: TracedCharger) -> None:
        """Draw whether a reading that came just now is traced, and begin."""
        if self.tracing.is_sampled() and charger.trace is None:
            began_at = time_ns(self.clock() - charger.received_at)
            accepted = self.tracing.begin(
                "charger reading", None, began_at, charger=charger.device_id
            )
            charger.trace = ReadingTrace(charger.sequence, accepted)

    def begin(self, readings: Iterable[TracedReading]) -> dict[str, str]:
        """Return the contexts of those that are traced, by charger: what they are stored with."""
        found: dict[str, str] = {}
        for reading in readings:
            trace = reading.charger.trace
            if trace is None:
                continue
            if trace.sequence == reading.sequence:
                if trace.stored is None:
                    trace.stored = self.tracing.begin("store reading", trace.accepted, time_ns())
                found[reading.charger.device_id] = self.tracing.traceparent_of(trace.stored)
            elif trace.sequence < reading.sequence:  # it has given way to a newer one
                _end(reading.charger, trace, "replaced")
        return found

    def on_answers(self, readings: Sequence[TracedReading], answers: Sequence[bytes]) -> None:
        """End the spans of what was stored, or refused."""
        for reading, answer in zip(readings, answers, strict=True):
            trace = reading.charger.trace
            if trace is not None and trace.sequence == reading.sequence:
                _end(reading.charger, trace, answer.decode())


def _end(charger: TracedCharger, trace: ReadingTrace, outcome: str) -> None:
    charger.trace = None
    for span in filter(None, (trace.stored, trace.accepted)):
        span.set_attribute("chargelight.outcome", outcome)
        span.end()
