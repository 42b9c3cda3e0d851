"""Sending spans over OTLP/HTTP, and one line in the log when that fails."""

import contextvars
import logging
import ssl
from typing import Final

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_EXPORT_SECONDS: Final = 5.0
"""How long one batch is tried, all attempts together."""


def open_exporter(url: str) -> OTLPSpanExporter:
    """Return what sends spans to a receiver."""
    session = requests.Session()
    session.trust_env = False  # a proxy that the machine uses does not lead to it
    return OTLPSpanExporter(
        endpoint=url,
        # SSL_CERT_FILE or the system's CAs, as everywhere.
        certificate_file=ssl.get_default_verify_paths().cafile,
        timeout=_EXPORT_SECONDS,
        compression=Compression.NoCompression,
        session=session,
    )


class _Losses(logging.Handler):
    """Turns OpenTelemetry's own lines into one that says what is lost."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._line = RateLimitedLog(_log, "traces are lost: their receiver does not take them")
        # Other threads do not know which instance this is.
        self._context = contextvars.copy_context()

    def emit(self, record: logging.LogRecord) -> None:
        self._context.copy().run(self._line.log, record.getMessage())


def report_losses() -> None:
    """Have OpenTelemetry say once a minute what it would say again and again."""
    logger = logging.getLogger("opentelemetry")
    logger.propagate = False
    logger.handlers[:] = [_Losses()]
