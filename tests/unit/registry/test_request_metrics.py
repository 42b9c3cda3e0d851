"""Requests are counted by route and timed by what they are about."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from prometheus_client import REGISTRY

from services.registry import metrics
from services.registry.edge.request_metrics import MeasureRequests, show_routes
from tests.fixtures.observations import observing

ROUTES = APIRouter(tags=["widgets"])


@ROUTES.get("/things/{thing}")
async def read(thing: str) -> Any:
    if thing == "none":
        raise HTTPException(404)
    if thing == "broken":
        raise RuntimeError(thing)
    if thing == "stream":
        return StreamingResponse(slowly(), media_type="text/event-stream")
    return thing


async def slowly() -> AsyncIterator[str]:
    await asyncio.sleep(0.2)
    yield "data: 1\n\n"


def counted(route: str, class_: str) -> float | None:
    labels = {"route": route, "class": class_}
    return REGISTRY.get_sample_value("chargelight_http_requests_total", labels)


async def asked(*paths: str, method: str = "GET") -> None:
    api = FastAPI()
    api.add_middleware(MeasureRequests, show_routes([ROUTES]))
    api.include_router(ROUTES)
    transport = httpx.ASGITransport(api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as client:
        for path in paths:
            await client.request(method, path)


async def test_a_route_is_counted_by_its_path_and_the_class_of_its_answer() -> None:
    route = "GET /things/{thing}"
    await asked()
    before = [counted(route, each) or 0 for each in ("2xx", "3xx", "4xx", "5xx")]
    with observing(metrics.REQUEST_SECONDS.of("devices")) as taken:
        await asked("/things/a", "/things/b", "/things/none", "/things/broken")
    after = [counted(route, each) for each in ("2xx", "3xx", "4xx", "5xx")]
    assert [now - then for now, then in zip(after, before, strict=True) if now is not None] == [
        *(2, 0, 1, 1)
    ]
    assert taken.count == 4


async def test_what_no_route_answers_is_one_series_whatever_it_asks_for() -> None:
    before = counted(metrics.OTHER_ROUTE, "4xx") or 0
    await asked("/nothing", "/things", "/wp-admin/setup.php")
    await asked("/things/a", method="DELETE")
    assert counted(metrics.OTHER_ROUTE, "4xx") == before + 4


async def test_a_stream_is_timed_until_it_begins() -> None:
    with observing(metrics.REQUEST_SECONDS.of("devices")) as taken:
        await asked("/things/stream")
    assert taken.count == 1
    assert taken.total < 0.2  # it took as long
