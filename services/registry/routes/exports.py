"""REST: all devices and their pairings as a file that import takes."""

import tempfile
from collections.abc import Iterator
from typing import IO, Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from services.registry.bulk import exports
from services.registry.bulk.exports import Format
from services.registry.routes.dependencies import PartsDep
from shared.contract.devices import Kind

_IN_MEMORY_BYTES: Final = 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024

_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file",
        "content": {each.media_type: {"schema": {"type": "string"}} for each in Format},
    }
}


class _FileResponse(StreamingResponse):
    """Sends a file, and closes it however that ends."""

    def __init__(self, file: IO[bytes], format_: Format) -> None:
        super().__init__(
            _pieces(file),
            media_type=format_.media_type,
            headers={
                "Content-Disposition": f'attachment; filename="chargelight-devices.{format_}"',
                "Cache-Control": "no-store",
            },
        )
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


routes = APIRouter(tags=["many at once"])


@routes.get(
    "/export",
    operation_id="export",
    summary="Get all devices and their pairings, in the format of an import",
    description="All as they were at one moment, by their ids. Secrets are not part of it.",
    response_class=StreamingResponse,
    responses=_CONTENT,
)
async def export(
    parts: PartsDep,
    *,
    format_: Annotated[Format, Query(alias="format")] = Format.CSV,
    kind: Annotated[Kind | None, Query(description="Only these")] = None,
) -> StreamingResponse:
    # Written down first: a client that reads slowly must not keep a connection to
    # Postgres, and one that Postgres fails must get an error, not half a file.
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - see _FileResponse
    try:
        async with parts.database.snapshot() as connection:
            await exports.write(connection, [kind] if kind else list(Kind), format_, file.write)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return _FileResponse(file, format_)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece
