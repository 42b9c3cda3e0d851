"""The spans of readings that are traced, from the doorbell to the written status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from services.router.reading import Reading
from shared.contract.doorbells import Revision, StatusDoorbell
from shared.process.traces.time_ns import time_ns

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from shared.process.traces.tracing import Tracing


class _Begun(NamedTuple):
    order: tuple[int, Revision]
    route: "Span"
    write: "Span"


@dataclass(eq=False, repr=False)
class RoutingTraces:
    """The spans of readings that are being routed."""

    tracing: "Tracing"

    def __post_init__(self) -> None:
        self._begun: dict[str, _Begun] = {}

    def begin(
        self, reading: Reading, message: StatusDoorbell, seconds_ago: float
    ) -> StatusDoorbell:
        """Return the message with the context of the reading's trace, if that can be read.

        Args:
            reading: The reading, whose status is about to be written, perhaps once more.
            message: What the widget's gateways will be told.
            seconds_ago: When work on the reading began.
        """
        begun = self._begun.get(reading.charger_id)
        if begun is None or begun.order != reading.order:
            parent = self.tracing.parent_in(reading.traceparent)
            if parent is None:
                return message
            route = self.tracing.begin(
                "route reading",
                parent,
                time_ns(seconds_ago),
                charger=reading.charger_id,
                widget=reading.widget_id,
                overdue=reading.is_overdue,
            )
            write = self.tracing.begin("write status", route, time_ns())
            begun = self._begun[reading.charger_id] = _Begun(reading.order, route, write)
        return msgspec.structs.replace(
            message, traceparent=self.tracing.traceparent_of(begun.write)
        )

    def on_answers(self, readings: Sequence[Reading], answers: Sequence[bytes]) -> None:
        """End the spans of readings whose status was written; those of others are not sent.

        A reading may be routed again long after its trace, when routers lost Redis.
        """
        if self._begun:
            for reading, answer in zip(readings, answers, strict=True):
                begun = self._begun.pop(reading.charger_id, None)
                # An untraced reading may have taken its place while Redis was away.
                is_its_own = begun is not None and begun.order == reading.order
                if begun is not None and is_its_own and answer in (b"lit", b"restored"):
                    begun.write.end()
                    begun.route.end()
