"""Shows on a terminal how far a file is sent, if that takes longer than a moment."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from typing import IO, Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from services.cli.files import pieces

SHOWN_AFTER_SECONDS: Final = 1.0

Sent = Callable[[IO[bytes]], Iterator[bytes]]


@contextlib.contextmanager
def shown_progress(size: int | None) -> Iterator[Sent]:
    """Yield what turns a file into its pieces, and shows how many were taken.

    On standard error, and only if that is a terminal: answers are for programs, too.

    Args:
        size: Of the file, in bytes; None: not known.
    """
    if not sys.stderr.isatty():
        yield pieces
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task("sending", total=size)

    def sent(file: IO[bytes]) -> Iterator[bytes]:
        for piece in pieces(file):
            yield piece
            progress.advance(task, len(piece))
        progress.update(task, description="the registry works", total=None)

    timer = threading.Timer(SHOWN_AFTER_SECONDS, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield sent
    finally:
        timer.cancel()
        timer.join()
        progress.stop()
