"""REST: all devices and their pairings as a file that import takes."""

from typing import Annotated, Any, Final

from fastapi import Query
from fastapi.responses import StreamingResponse

from services.registry.api.file_response import FileResponse, written_down
from services.registry.api.guarded_route import GuardedRouter
from services.registry.audit.access_events import AccessKind
from services.registry.bulk import exports
from services.registry.bulk.exports import Format
from services.registry.routes.dependencies import BoothDep, OperatorDep, PartsDep
from shared.contract.devices import Kind

_CONTENT: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file",
        "content": {each.media_type: {"schema": {"type": "string"}} for each in Format},
    }
}


routes = GuardedRouter(tags=["bulk"])


@routes.get(
    "/export",
    operation_id="export_devices",
    summary="Get all devices and their pairings, in the format of an import",
    description="All as they were at one moment, by their ids. Secrets are not part of it.",
    response_class=StreamingResponse,
    responses=_CONTENT,
)
async def export(
    operator: OperatorDep,
    parts: PartsDep,
    *,
    format_: Annotated[
        Format,
        Query(
            alias="format",
            description="`spreadsheet` is CSV in which no cell is a formula: an apostrophe stands "
            "before what would be one, and an import removes it",
        ),
    ] = Format.CSV,
    kind: Annotated[Kind | None, Query(description="Only these")] = None,
    booth: BoothDep,
) -> StreamingResponse:
    with written_down(parts.downloads) as written:
        parts.authorization.events.note(AccessKind.EXPORT, operator, kind.value if kind else "all")
        async with parts.database.snapshot() as connection:
            kinds = [kind] if kind else list(Kind)
            await exports.write(connection, kinds, booth, format_, written.file.write)
    headers = {
        "Content-Disposition": f'attachment; filename="chargelight-devices.{format_.suffix}"',
    }
    return FileResponse(written, format_.media_type, headers)
