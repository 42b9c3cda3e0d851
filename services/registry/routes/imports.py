"""REST: register, change and pair many devices in one call."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from services.registry.access.keys import Operator
from services.registry.access.secret import DEFAULT_OVERLAP_SECONDS
from services.registry.api.file_response import FileResponse, written_down
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.problems import ProblemError, problem_responses
from services.registry.bulk import csv_file, imports, jsonl_file, outcomes, staging
from services.registry.bulk.encoding import EXAMPLES, codec_of
from services.registry.bulk.file_secrets import FileSecrets
from services.registry.bulk.import_file import READERS, SLICE_BYTES, ImportFile
from services.registry.bulk.imports import Counts
from services.registry.bulk.rows import COLUMNS, MAX_ROWS, Row
from services.registry.bulk.staging import Staging
from services.registry.devices.booths import Booth
from services.registry.edge.body_limits import IMPORT_PATH
from services.registry.edge.slots import Slots
from services.registry.postgres.database import LONG_WORK_SECONDS
from services.registry.routes.dependencies import DryRun, OperatorDep, Parts, PartsDep
from shared.process import logs

IN_EFFECT_SECONDS: Final = 30.0
"""How long an answer waits for all of it to be in Redis."""

UPLOAD_SECONDS: Final = 300.0
"""How long a file may take to come."""

_BATCH_ROWS: Final = 200
"""Rows that are handed on at once."""

_OVERLAP: Final = timedelta(seconds=DEFAULT_OVERLAP_SECONDS)
_DESCRIPTION: Final = f"""
The body is CSV (the first line names the columns; commas, semicolons or tabs between them) or
JSON lines (one object on each), with at most {MAX_ROWS:,} rows. Columns: {", ".join(COLUMNS)};
`kind` and `id` must be there. A column that is missing leaves things as they are. An empty
`label`, `location` or `booth` empties it; an empty `widget` or `secret` means nothing. `widget`
in a charger's row: pair them. `booth` is the id or the name of a booth.

In UTF-8, or in UTF-16 with a byte order mark. Anything else must be said: `charset=windows-1252`
in `Content-Type`.

All of it is done, or nothing. A dry run says what would become of each row.
"""
_EXAMPLE: Final = "kind,id,label,widget\ncharger,c1234,Booth 3,wABCD\nwidget,wABCD,,\n"
_LINES_EXAMPLE: Final = '{"kind":"charger","id":"c1234","label":"Booth 3","widget":"wABCD"}\n'
_BODY: Final = {
    "required": True,
    "content": {
        media_type: {"schema": {"type": "string", **more}}
        for media_type, more in {
            csv_file.MEDIA_TYPE: {"examples": [_EXAMPLE]},
            jsonl_file.MEDIA_TYPE: {"examples": [_LINES_EXAMPLE]},
            jsonl_file.OTHER_MEDIA_TYPE: {"examples": [_LINES_EXAMPLE]},
        }.items()
    },
}

_log = logs.get(__name__)


class Outcome(BaseModel):
    """What an import would do with a row. What is left out does not concern it."""

    line: int = Field(description="Where the row is in the file", examples=[2])
    kind: Literal["charger", "widget"] = Field(description="Kind of device")
    id: str = Field(description="Which one", examples=["c1234"])
    device: Literal["created", "updated", "unchanged"] = Field(description="What becomes of it")
    booth: str | None = Field(
        None, description="Id of the booth in the row", examples=["main-stage"]
    )
    widget: str | None = Field(None, description="The widget in the row", examples=["wABCD"])
    pairing: Literal["paired", "unchanged"] | None = Field(
        None, description="What becomes of the pairing"
    )
    former_widget: str | None = Field(
        None, description="What the charger is paired with now", examples=["wOLD"]
    )
    former_charger: str | None = Field(
        None, description="What the widget is paired with now", examples=["c1233"]
    )
    secret: Literal["set", "unchanged"] | None = Field(
        None, description="What becomes of the secret"
    )
    similar: str | None = Field(
        None,
        description="A device whose id differs only in capitals; this one would be new",
        examples=["C1234"],
    )


class Imported(BaseModel):
    """What an import did; of a dry run, what it would do."""

    rows: int = Field(description="Rows of the file", examples=[4])
    created: int = Field(description="Devices that were registered", examples=[3])
    updated: int = Field(description="Devices whose label, location or booth changed", examples=[1])
    unchanged: int = Field(description="Devices that were called so already", examples=[0])
    paired: int = Field(description="Pairings that were made", examples=[2])
    secrets: int = Field(description="Devices whose newest secret is another one now", examples=[0])
    similar: int = Field(
        description="Devices beside which there is another one, whose id differs only in capitals",
        examples=[0],
    )
    similar_devices: list[imports.SimilarDevice] | None = Field(
        None,
        description="Which these are, 20 of a kind at most; missing: there are none, or it was a "
        "dry run, whose `outcomes` have them",
    )
    booths: list[Booth] | None = Field(
        None, description="Booths that were made for it; missing: none were"
    )
    dry_run: bool = Field(description="Whether it was a dry run: nothing was changed")
    pairing_number: int | None = Field(
        description="The greatest number of these devices; null: a dry run, or no rows",
        examples=[9],
    )
    outcomes: list[Outcome] | None = Field(
        None, description="Of a dry run: what would become of each row, in the file's order"
    )
    projected: bool = Field(
        description="Whether gateways and routers act on all of it already (it is in Redis)"
    )


routes = GuardedRouter(tags=["bulk"])


@routes.post(
    IMPORT_PATH,
    operation_id="import_devices",
    summary="Register, change and pair many devices",
    description=_DESCRIPTION,
    response_model=Imported,
    response_model_exclude_unset=True,
    responses=problem_responses(
        HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    ),
    openapi_extra={"requestBody": _BODY},
)
async def import_(
    request: Request,
    operator: OperatorDep,
    parts: PartsDep,
    *,
    dry_run: DryRun = False,
    replace: Annotated[
        bool, Query(description="End pairings with others that are in the way")
    ] = False,
    create_booths: Annotated[
        bool, Query(description="Make the booths that the file names and that are not there")
    ] = False,
) -> Imported | Response:
    upload = _Upload(request, operator, parts, replace=replace, create_booths=create_booths)
    async with upload.received():
        if dry_run:
            return await _dry_run(upload, parts.downloads)
        counts = await upload.carry_out()
    number = counts.pairing_number
    _log.info("imported", rows=upload.rows, **asdict(counts))
    projected = number is None or await parts.projector.wait_for(number, IN_EFFECT_SECONDS)
    return _did(upload, counts, dry_run=False, pairing_number=number, projected=projected)


async def _dry_run(upload: "_Upload", downloads: Slots) -> Response:
    with written_down(downloads) as written:
        file = written.file
        file.write(b'{"outcomes":[')
        counts = await upload.carry_out(undone=True, outcomes_into=file.write)
        did = _did(upload, counts, dry_run=True, pairing_number=None, projected=False)
        file.write(b"]," + did.model_dump_json(exclude_unset=True).encode()[1:])
    return FileResponse(written, "application/json")


class _Upload:
    """A file that is received and checked, and then imported in one transaction."""

    def __init__(
        self,
        request: Request,
        operator: Operator,
        parts: Parts,
        *,
        replace: bool,
        create_booths: bool,
    ) -> None:
        self._request = request
        self._operator = operator
        self._parts = parts
        self._replace = replace
        self._create_booths = create_booths
        self._file = _file_of(request)
        self._staging = Staging(parts.database)
        self.similar_devices: list[imports.SimilarDevice] = []
        """Of an import: devices beside which there is another one."""
        self.booths: list[Booth] = []
        """Those that were made."""

    @property
    def rows(self) -> int:
        """How many rows were received."""
        return self._staging.rows

    @contextlib.asynccontextmanager
    async def received(self) -> AsyncIterator[None]:
        """Receive the file, and keep its rows in Postgres while the context is open."""
        with self._parts.uploads.slot():
            try:
                await self._receive()
                yield
            finally:
                await asyncio.shield(self._staging.discard())

    async def carry_out(
        self, *, undone: bool = False, outcomes_into: Callable[[bytes], object] | None = None
    ) -> Counts:
        """Import the file; with ``undone``, only find out what that would do."""
        # Else each of those that wait would have a connection to Postgres.
        async with self._parts.import_lock:
            return await self._import(undone=undone, outcomes_into=outcomes_into)

    async def _import(
        self, *, undone: bool, outcomes_into: Callable[[bytes], object] | None
    ) -> Counts:
        database = self._parts.database
        async with (
            database.write_transaction(self._operator, LONG_WORK_SECONDS) as connection,
            connection.transaction(force_rollback=undone),
        ):
            await self._staging.gather(connection)
            self.booths = await imports.find_booths(connection, create=self._create_booths)
            await staging.check(connection, self._file.mistakes, replace=self._replace)
            if outcomes_into is not None:
                await outcomes.write(connection, outcomes_into)
            counts = await imports.apply(
                connection,
                replace=self._replace,
                overlap=_OVERLAP,
                new_booths=len(self.booths),
            )
            if counts.similar and not undone:
                self.similar_devices = await imports.list_similar(connection)
            return counts

    async def _receive(self) -> None:
        secrets = FileSecrets(self._parts.hasher, self._file.mistakes)
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                async for rows in self._batches():
                    await self._staging.add(rows, await secrets.prepare(rows))
        except TimeoutError as error:
            raise ProblemError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the file did not come within {UPLOAD_SECONDS:.0f} s; nothing was imported. Send "
                "it in parts, widgets first",
            ) from error
        await self._staging.flush()

    async def _batches(self) -> AsyncIterator[list[Row]]:
        rows: list[Row] = []
        try:
            async for piece in self._request.stream():  # bounded: see LimitBodies
                for start in range(0, len(piece), SLICE_BYTES):
                    rows += self._file.feed(piece[start : start + SLICE_BYTES])
                    await asyncio.sleep(0)  # others' turn
                    if len(rows) >= _BATCH_ROWS:
                        yield rows
                        rows = []
        except ClientDisconnect as error:  # an answer that nobody reads, in place of a traceback
            raise ProblemError(HTTPStatus.BAD_REQUEST, "the body ended too early") from error
        yield rows + self._file.end()


def _did(upload: _Upload, counts: Counts, **more: Any) -> Imported:
    unchanged = upload.rows - counts.created - counts.updated
    lists = {"similar_devices": upload.similar_devices, "booths": upload.booths}
    more |= {name: items for name, items in lists.items() if items}
    return Imported(**{**asdict(counts), "rows": upload.rows, "unchanged": unchanged, **more})


def _file_of(request: Request) -> ImportFile:
    media_type, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    encoding = request.headers.get("content-encoding", "identity").lower()
    codec = codec_of(charset) if charset else None
    if media_type.strip() not in READERS or encoding != "identity":
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"send {csv_file.MEDIA_TYPE} or {jsonl_file.MEDIA_TYPE} as Content-Type, and not "
            "compressed",
        )
    if charset and codec is None:
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            f"files are not read in the charset {charset!r}. There are {EXAMPLES}",
        )
    return ImportFile(media_type.strip(), codec)
