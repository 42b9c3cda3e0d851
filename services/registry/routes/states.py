"""REST: how it stands with devices right now."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.api import paging
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.problems import problem_responses
from services.registry.errors import NotRegisteredError
from services.registry.live.redis_values import Environment, RawCharger
from services.registry.live.refused import RefusedHandshake, shown
from services.registry.live.state import ChargerState, WidgetState, charger_state, widget_state
from services.registry.routes.dependencies import AnyId, BoothDep, Canary, Parts, PartsDep
from shared.contract.connectors import is_id_of
from shared.contract.device_protocol import ChargingStatus
from shared.contract.devices import Kind

_CHUNK: Final = 500
"""Chargers read at once while looking for those that a filter lets through."""
_MAX_LOOKED_AT: Final = 5000
"""Chargers looked at in one request, so that a rare status does not cost a whole scan."""

_IDS: Final = """
    SELECT id FROM chargers
    WHERE id > %(after)s AND canary = %(canary)s
      AND (%(booth)s::text IS NULL OR booth IS NOT DISTINCT FROM nullif(%(booth)s, ''))
    ORDER BY id LIMIT %(rows)s
"""

routes = GuardedRouter(tags=["live"])


class RefusedHandshakes(BaseModel):
    """Those who could not connect lately, the newest first."""

    items: list[RefusedHandshake] = Field(description="A line per device and reason")


class StatePage(Page[ChargerState]):
    """A part of the list of chargers' states."""


@routes.get(
    "/chargers/{charger_id}/state",
    operation_id="get_charger_state",
    summary="How it stands with a charger right now",
    description="Answered from Redis alone, so also while Postgres is away.",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get_charger(charger_id: AnyId, parts: PartsDep) -> ChargerState:
    state = None
    if is_id_of(Kind.CHARGER, charger_id):
        (raw,), environment = await parts.reader.chargers([charger_id])
        state = _state_of(raw, environment, parts)
    if state is None:
        raise NotRegisteredError(Kind.CHARGER, charger_id)
    return state


@routes.get(
    "/widgets/{widget_id}/state",
    operation_id="get_widget_state",
    summary="How it stands with a widget right now",
    description="Answered from Redis alone, so also while Postgres is away.",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def get_widget(widget_id: AnyId, parts: PartsDep) -> WidgetState:
    state = None
    if is_id_of(Kind.WIDGET, widget_id):
        (raw,), environment = await parts.reader.widgets([widget_id])
        state = widget_state(raw, environment)
    if state is None:
        raise NotRegisteredError(Kind.WIDGET, widget_id)
    return state


@routes.get(
    "/state",
    operation_id="list_state",
    summary="How it stands with all chargers right now",
    response_model=StatePage,
    description="In the order of their ids. A request looks at 5,000 chargers at most: with "
    "a filter that few pass, a page may hold less than `limit`, even nothing, "
    "and still name the `next` one.",
)
async def list_states(
    parts: PartsDep,
    *,
    status: Annotated[
        ChargingStatus | None,
        Query(description="Only those whose widget was last lit so, by this pairing"),
    ] = None,
    online: Annotated[bool | None, Query(description="Only those online, or offline")] = None,
    booth: BoothDep,
    canary: Canary = False,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ChargerState]:
    def passes(state: ChargerState) -> bool:
        if online is not None and state.online is not online:
            return False
        return status is None or (state.status is not None and state.status.status is status)

    which = {"after": paging.id_in(cursor), "canary": canary, "booth": booth}
    filtered = status is not None or online is not None
    chunk = _CHUNK if filtered else max(limit + 1, 100)
    found, following = await _search(parts, which, passes, limit=limit, chunk=chunk)
    return Page(items=found, next=paging.encode(following) if following else None)


async def _search(
    parts: Parts,
    which: Mapping[str, Any],
    passes: Callable[[ChargerState], bool],
    *,
    limit: int,
    chunk: int,
) -> tuple[list[ChargerState], str | None]:
    """Return states that pass, and after which id to go on, if there may be more."""
    found: list[ChargerState] = []
    after: str = which["after"]
    for _ in range(0, _MAX_LOOKED_AT, chunk):
        async with parts.database.connection() as connection:
            rows = await connection.execute(_IDS, {**which, "after": after, "rows": chunk})
            ids = [charger for (charger,) in await rows.fetchall()]
        raws, environment = await parts.reader.chargers(ids)
        for raw in raws:
            if len(found) == limit:
                return found, after
            after = raw.id
            state = _state_of(raw, environment, parts)
            # None: registered in Postgres alone, not in effect yet.
            if state is not None and passes(state):
                found.append(state)
        if len(ids) < chunk:
            return found, None
    return found, after


def _state_of(raw: RawCharger, environment: Environment, parts: Parts) -> ChargerState | None:
    state = charger_state(raw, environment)
    if state is not None:
        state.estimate = parts.estimate_of(raw, environment.now)
    return state


@routes.get(
    "/refused",
    operation_id="list_refused",
    summary="Who could not connect lately, and why",
    description="The newest first, a line per device and reason. Gateways keep about 500, and "
    "forget those that were not seen for longest. Answered from Redis alone.",
)
async def list_refused(parts: PartsDep) -> RefusedHandshakes:
    return RefusedHandshakes(items=[shown(item) for item in await parts.reader.refused()])
