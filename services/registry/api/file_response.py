"""Answers that are written down first.

A client that reads slowly must not keep a connection to Postgres, and one that Postgres fails must
get an error, not half an answer.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, Final, NamedTuple

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.registry.edge.slots import Slots

_IN_MEMORY_BYTES: Final = 1024 * 1024
SEND_SECONDS: Final = 300.0
"""How long a client may take to read a file."""

_PIECE_BYTES: Final = 64 * 1024


class Written(NamedTuple):
    """A file, and what ends with it."""

    file: IO[bytes]
    end: contextlib.ExitStack


@contextlib.contextmanager
def written_down(slots: Slots) -> Iterator[Written]:
    """Yield a file in a slot for a `FileResponse`, which ends both; an error here does, too.

    Raises:
        TooBusyError: All slots are taken.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(slots.slot())
        file = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES))
        written = Written(file, contextlib.ExitStack())
        yield written
        written.end.push(stack.pop_all())


class FileResponse(StreamingResponse):
    """Sends a file from its beginning, and ends it however that ends."""

    def __init__(
        self, written: Written, media_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        written.file.seek(0)
        super().__init__(_pieces(written.file), media_type=media_type, headers=headers)
        self._end = written.end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. A client that takes too long gets only a part, and its connection is closed."""
        with self._end, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEND_SECONDS):
                await super().__call__(scope, receive, send)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece
