"""Structured logs: JSON lines in containers, readable on a terminal.

An event is a fixed text, and what varies (ids above all) is a field. So lines can be
searched, and nothing that a device sends can forge one.
"""

import logging
import sys
from collections import deque
from typing import Final, Literal, TextIO, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

Logger = FilteringBoundLogger

# Never with local variables, which both renderers show by default: those hold passwords,
# secrets of devices, and the data of requests.
_TRACEBACKS_AS_JSON: Final = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


RECENT_LINES: Final = 1000
"""Lines that a process keeps of its own log, for remote support."""
_MOST_CHARACTERS: Final = 4000
"""Of a kept line: a traceback may be long."""

_recent: Final[deque[str]] = deque(maxlen=RECENT_LINES)


class _KeptStream:
    """Standard error, of which the last lines are kept."""

    def write(self, text: str) -> int:
        if line := text.rstrip("\n"):  # its end may be written by itself
            _recent.append(line[:_MOST_CHARACTERS])
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def recent_lines() -> list[str]:
    """Return the last lines of this process's log, the oldest first."""
    return list(_recent)


def configure(
    *, level: str, output: Literal["auto", "json", "console"], service: str, instance_id: str
) -> None:
    """Set up logging of the process, both by structlog and by the standard library.

    Args:
        level: Name of the least severe level that is written.
        output: ``json``, ``console``, or ``auto`` for console on a terminal only.
        service: Field on every line.
        instance_id: Field on every line.
    """
    on_terminal = sys.stderr.isatty()
    as_json = output == "json" or (output == "auto" and not on_terminal)
    kept = cast("TextIO", _KeptStream())
    number = logging.getLevelNamesMapping()[level.upper()]
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[Processor] = (
        [_TRACEBACKS_AS_JSON, structlog.processors.JSONRenderer()]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(
                colors=on_terminal,
                # A newline in a text must not look like a second line.
                repr_native_str=True,
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    structlog.configure(
        processors=[*common, *final],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(kept),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service=service, instance_id=instance_id)
    handler = logging.StreamHandler(kept)
    least = max(number, logging.WARNING)
    # Also of the handler: loggers of some libraries have levels of their own (psycopg's).
    handler.setLevel(least)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
            foreign_pre_chain=common,
        )
    )
    logging.basicConfig(handlers=[handler], level=least, force=True)


def get(name: str) -> Logger:
    """Return the logger of a module; ``name`` becomes the field ``module``."""
    logger: Logger = structlog.get_logger(module=name)
    return logger
