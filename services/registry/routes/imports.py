"""REST: register, change and pair many devices in one call."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from services.registry.access.secret import DEFAULT_OVERLAP_SECONDS, PreparedSecret
from services.registry.access.secret_hasher import MAX_NEW, SecretHasher, TooManyNewError
from services.registry.api.limits import IMPORT_PATH
from services.registry.api.problems import ProblemError, problem_responses
from services.registry.bulk import csv_file, imports, jsonl_file
from services.registry.bulk.rows import COLUMNS, MAX_ROWS, File, Mistakes
from services.registry.postgres.database import LONG_WORK_SECONDS
from services.registry.routes.dependencies import OperatorDep, PartsDep
from shared.contract.devices import Kind
from shared.process import logs

IN_EFFECT_SECONDS: Final = 30.0
"""How long an answer waits for all of it to be in Redis."""

_READERS: Final = {
    csv_file.MEDIA_TYPE: csv_file.read,
    jsonl_file.MEDIA_TYPE: jsonl_file.read,
    jsonl_file.OTHER_MEDIA_TYPE: jsonl_file.read,
}
_DESCRIPTION: Final = f"""
The body is CSV (the first line names the columns) or JSON lines (one object on each),
in UTF-8, with at most {MAX_ROWS:,} rows. Columns: {", ".join(COLUMNS)}; `kind` and `id` must
be there. A column that is missing leaves things as they are. An empty `label` or
`location` empties it; an empty `widget` or `secret` means nothing. `widget` in a charger's
row: pair them.

All of it is done, or nothing.
"""
_EXAMPLE: Final = "kind,id,label,widget\ncharger,c1234,Booth 3,wABCD\nwidget,wABCD,,\n"
_BODY: Final = {
    "required": True,
    "content": {
        media_type: {"schema": {"type": "string", **more}}
        for media_type, more in {
            csv_file.MEDIA_TYPE: {"examples": [_EXAMPLE]},
            jsonl_file.MEDIA_TYPE: {},
            jsonl_file.OTHER_MEDIA_TYPE: {},
        }.items()
    },
}

_log = logs.get(__name__)


class Imported(BaseModel):
    """What an import did; of a dry run, what it would do."""

    rows: int
    created: int = Field(description="Devices that were registered")
    updated: int = Field(description="Devices whose label or location changed")
    unchanged: int = Field(description="Devices that were called so already")
    paired: int = Field(description="Pairings that were made")
    secrets: int = Field(description="Devices whose newest secret is another one now")
    dry_run: bool
    pairing_number: int | None = Field(
        description="The greatest number of these devices; null: a dry run, or no rows"
    )
    projected: bool = Field(
        description="Whether gateways and routers act on all of it already (it is in Redis)"
    )


routes = APIRouter(tags=["many at once"])


@routes.post(
    IMPORT_PATH,
    operation_id="import",
    summary="Register, change and pair many devices",
    description=_DESCRIPTION,
    responses=problem_responses(HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    openapi_extra={"requestBody": _BODY},
)
async def import_(
    request: Request,
    operator: OperatorDep,
    parts: PartsDep,
    *,
    dry_run: Annotated[bool, Query(description="Only tell what would happen")] = False,
    replace: Annotated[
        bool, Query(description="End pairings with others that are in the way")
    ] = False,
) -> Imported:
    read = _reader_for(request)
    body = await _body_of(request)
    async with parts.import_lock:
        file = await asyncio.to_thread(_read, body, read)
        del body
        pieces = await asyncio.to_thread(lambda: list(imports.copy_lines(file.rows)))
        secrets = await _prepare_secrets(parts.hasher, file)
        async with (
            parts.database.write_transaction(operator.name, LONG_WORK_SECONDS) as connection,
            connection.transaction(force_rollback=dry_run),
        ):
            await imports.stage(connection, pieces, file.mistakes, replace=replace)
            counts = await imports.apply(
                connection,
                secrets,
                replace=replace,
                overlap=timedelta(seconds=DEFAULT_OVERLAP_SECONDS),
            )
    rows = len(file.rows)
    members = asdict(counts)
    projected = False
    if dry_run:
        members["pairing_number"] = None
    else:
        _log.info("imported", rows=rows, **members)
        number = counts.pairing_number
        projected = number is None or await parts.projector.wait_for(number, IN_EFFECT_SECONDS)
    return Imported(
        **members,
        rows=rows,
        unchanged=rows - counts.created - counts.updated,
        dry_run=dry_run,
        projected=projected,
    )


def _reader_for(request: Request) -> Callable[[str], File]:
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    encoding = request.headers.get("content-encoding", "identity").lower()
    reader = _READERS.get(media_type.strip())
    if reader is None or charset not in ("", "utf-8", "utf8") or encoding != "identity":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"send {csv_file.MEDIA_TYPE} or {jsonl_file.MEDIA_TYPE} as Content-Type, in UTF-8 "
            "and not compressed",
        )
    return reader


async def _body_of(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():  # bounded: see LimitBodies
            body += piece
    except ClientDisconnect as error:  # an answer that nobody reads, in place of a traceback
        raise ProblemError(HTTPStatus.BAD_REQUEST, "the body ended too early") from error
    return bytes(body)


def _read(body: bytes, read: Callable[[str], File]) -> File:
    try:
        return read(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        file = File()
        line = body.count(b"\n", 0, error.start) + 1
        file.mistakes.add(line, "", "not UTF-8; save the file as UTF-8")
        return file


async def _prepare_secrets(
    hasher: SecretHasher, file: File
) -> dict[Kind, dict[str, PreparedSecret]]:
    """Prepare the file's secrets. That is slow, so not if the file will be refused anyway."""
    prepared: dict[Kind, dict[str, PreparedSecret]] = {}
    with_secret = [row for row in file.rows if row.secret is not None]
    if file.mistakes.total or not with_secret:
        return prepared
    for kind in Kind:
        own = {row.id: row.secret for row in with_secret if row.kind is kind and row.secret}
        if not own:
            continue
        try:
            prepared[kind] = await hasher.of_many(kind, own)
        except TooManyNewError as error:
            one_too_many = [row for row in with_secret if row.kind is kind][MAX_NEW]
            mistakes = Mistakes()
            mistakes.add(one_too_many.line, "secret", str(error))
            raise mistakes.refusal() from error
    return prepared
