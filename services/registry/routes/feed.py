"""REST: the console's feed."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from services.registry.api.addresses import HEAD_ONLY
from services.registry.api.guarded_route import GuardedRouter, shown_in
from services.registry.feed.state import LiveSnapshot
from services.registry.feed.stream import Stream
from services.registry.routes.dependencies import BoothDep, PartsDep

_COMPRESSION: Final = 1
"""The fastest: a wall waits for it, and tiles are alike."""

_EVENTS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events until the client leaves, its key ends, or the registry stops",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


class EventStream(StreamingResponse):
    """Server-Sent Events.

    Not FastAPI's own: its document has a member of OpenAPI 3.2, and each of its streams two tasks.
    """

    media_type = "text/event-stream"


_HEADERS: Final = {"X-Accel-Buffering": "no"}
"""So that nginx passes each event on at once."""

routes = GuardedRouter(prefix="/live", tags=["live"])


@routes.get(
    "/snapshot",
    operation_id="get_live_snapshot",
    summary="All chargers as a wall shows them, and where the stream goes on from there",
    description="Compressed for clients that take gzip. While Redis or Postgres is away, the last "
    "that is known, with since when; 503 if nothing is.",
    response_model=LiveSnapshot,
)
async def get_snapshot(request: Request, parts: PartsDep, booth: BoothDep) -> Response:
    body = (await parts.feed.snapshot(booth)).text().encode()
    headers = {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body = await asyncio.to_thread(gzip.compress, body, _COMPRESSION)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)


async def _stream(
    request: Request,
    parts: PartsDep,
    booth: BoothDep,
    position: Annotated[
        str | None,
        Query(
            max_length=100,
            description="That of a snapshot: only what changed since. Without it, everything first",
            examples=["9f2c7a1b4e0d3c55-17"],
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID",
            max_length=100,
            description="The same, as a browser sends it when it connects again; it goes first",
            examples=["9f2c7a1b4e0d3c55-42"],
        ),
    ] = None,
) -> AsyncIterator[Stream]:
    """Yield a stream, while whose client is there it counts."""
    shown = (await shown_in(request) or "").encode()
    with parts.feed.stream(booth):
        await parts.feed.filled(booth)
        yield Stream(parts.feed, booth, last_event_id or position, lambda: parts.is_valid(shown))


@routes.get(
    "",
    operation_id="watch_live",
    summary="Hear of each change, as Server-Sent Events",
    description="`tiles`: an array of whole tiles, as in a snapshot. `gone`: an array of ids of "
    "chargers that are not there any more, or not in this booth. `hub`: whether what is shown can "
    "be current, as in a snapshot; once at the beginning, then when that changes. `reset`: the "
    "position is not known here, so forget all tiles: everything follows. Each `id` is a "
    "position. While nothing else is said, a comment comes each second.",
    response_class=EventStream,
    responses=_EVENTS,
)
async def watch(
    request: Request,
    stream: Annotated[Stream, Depends(_stream)],
) -> EventStream:
    # Of an answer without an end, the server would wait for it though it sends only the head.
    events = () if request.scope[HEAD_ONLY] else stream.events()
    return EventStream(events, headers=_HEADERS)
