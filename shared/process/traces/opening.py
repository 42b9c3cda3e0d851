"""Opening the traces of a process, if it has any.

What makes spans is imported only then: it takes 9 MB, and 0.13 s.
"""

import os
from typing import TYPE_CHECKING

from shared.process.traces.settings import SettingsWithTraces
from shared.version import VERSION

if TYPE_CHECKING:
    from shared.process.traces.tracing import Tracing


def open_tracing(settings: SettingsWithTraces) -> "Tracing | None":
    """Return what makes spans and sends them; None: traces are off."""
    if not settings.traces_url:
        return None
    # OpenTelemetry would take what it does from them, and a machine may have them for others.
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    from shared.process.traces.tracing import Tracing  # noqa: PLC0415

    return Tracing(
        settings.traces_url,
        settings.traces_sample,
        {
            "service.name": f"chargelight-{settings.service}",
            "service.version": VERSION,
            "service.instance.id": settings.instance_id,
        },
    )
