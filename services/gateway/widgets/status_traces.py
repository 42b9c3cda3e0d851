"""The last span of readings that are traced: the status is written to the widget."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.contract.doorbells import StatusDoorbell
from shared.process.traces.time_ns import time_ns

if TYPE_CHECKING:
    from shared.process.traces.tracing import Tracing


@dataclass(eq=False, repr=False)
class StatusTraces:
    """Makes the span of each status that is of a traced reading."""

    tracing: "Tracing"

    def on_written(self, status: StatusDoorbell) -> None:
        """Note that a status was written to a widget's socket just now."""
        parent = self.tracing.parent_in(status.traceparent)
        if parent is not None:
            self.tracing.begin("light widget", parent, time_ns(), widget=status.widget).end()
