"""Making spans and sending them, with OpenTelemetry; imported only where traces are on.

Spans that have ended wait in a queue, and a thread sends them. While their receiver is away the
queue is full, and the oldest are lost. Nothing ever waits for it.
"""

import asyncio
import random
import threading
from collections.abc import Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.process.traces.exporter import open_exporter, report_losses

_MOST_QUEUED: Final = 2048
"""Spans that may wait; 2 KiB each."""
_BATCH: Final = 64
"""Spans that are sent together. To encode them takes a millisecond, in which nothing else runs."""
_DELAY_SECONDS: Final = 1.0
_CLOSING_SECONDS: Final = 1.0
"""How long a process that ends tries to send what is left."""
_FIELD: Final = "traceparent"

Attribute = str | int | bool


class Tracing:
    """Makes the spans of a process, and sends them.

    Args:
        url: Of their receiver.
        share: Of the readings that are traced, 0 to 1.
        resource: What is said of the process, once for all spans of a batch.
    """

    def __init__(self, url: str, share: float, resource: Mapping[str, str]) -> None:
        report_losses()
        self._share = share
        self._random = random.SystemRandom().random
        self._propagator = TraceContextTextMapPropagator()
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # `is_sampled` has been asked before
            resource=Resource(resource),
            shutdown_on_exit=False,
            span_limits=SpanLimits(),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                open_exporter(url),
                max_queue_size=_MOST_QUEUED,
                schedule_delay_millis=_DELAY_SECONDS * 1000,
                max_export_batch_size=_BATCH,
            )
        )
        self._tracer = self._provider.get_tracer("chargelight")

    def is_sampled(self) -> bool:
        """Draw whether a reading is traced."""
        return self._random() < self._share

    def begin(
        self, name: str, parent: Context | Span | None, began_at: int, **attributes: Attribute
    ) -> Span:
        """Begin a span; it is sent once it has ended.

        Args:
            name: What is done.
            parent: The span that it belongs below, here or (`parent_in`) in another process;
                None: it is the first of its trace.
            began_at: When it began, in ns of the machine's clock.
            attributes: What is said of it; ``charger`` becomes ``chargelight.charger``.
        """
        context = set_span_in_context(parent, Context()) if isinstance(parent, Span) else parent
        return self._tracer.start_span(
            name,
            # Without one, it would be what else may be going on in this thread.
            Context() if context is None else context,
            attributes={f"chargelight.{key}": value for key, value in attributes.items()},
            start_time=began_at,
        )

    def traceparent_of(self, span: Span) -> str:
        """Return what a reading carries of its trace (W3C Trace Context)."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(span, Context()))
        return carrier[_FIELD]

    def parent_in(self, traceparent: object) -> Context | None:
        """Read what a reading carries of its trace; None: nothing that can be used."""
        if not traceparent or not isinstance(traceparent, str):
            return None
        context = self._propagator.extract({_FIELD: traceparent}, Context())
        found = get_current_span(context).get_span_context()
        return context if found.is_valid and found.trace_flags.sampled else None

    async def close(self) -> None:
        """Send what is left, if that does not take long."""
        # A thread of its own: one of the event loop's would have to end before the process can.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _CLOSING_SECONDS)
