"""REST: what people and other systems are told, and alerts that they must be told of."""

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.api import paging
from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.paging import Cursor, Limit, Page
from services.registry.api.problems import problem_responses
from services.registry.api.representations import RequestBody
from services.registry.edge.body_limits import ALERTS_PATH
from services.registry.errors import NoDestinationError
from services.registry.notify import outbox, outbox_list
from services.registry.notify.alerts import AlertGroup, changes_of_alerts
from services.registry.notify.conditions import raising
from services.registry.notify.conditions.raising import MOST_AT_ONCE
from services.registry.notify.outbox_list import DeliveryState, ListedDelivery
from services.registry.notify.trial import Tried, try_all
from services.registry.routes.dependencies import OperatorDep, Parts, PartsDep
from shared.process import logs

_log = logs.get(__name__)


class DeliveryPage(Page[ListedDelivery]):
    """A part of the list of deliveries."""


class Trial(BaseModel):
    """How each destination took a test."""

    items: list[Tried] = Field(description="All destinations of this registry")


class Retry(RequestBody):
    """What to try again."""

    event: UUID | None = Field(
        default=None, description="Only this event; left out: all that were given up"
    )


class Retried(BaseModel):
    """How much is tried again."""

    deliveries: int = Field(description="That were given up", examples=[3])


class Told(BaseModel):
    """What became of alerts."""

    events: int = Field(description="That were written; a repeated alert makes none", examples=[1])


routes = GuardedRouter(prefix="/notifications", tags=["notifications"])
alert_routes = GuardedRouter(tags=["notifications"])


@routes.get(
    "",
    operation_id="list_notifications",
    summary="List deliveries of events, the newest first",
    response_model=DeliveryPage,
    description="Without `state`: those that wait, and those that were given up after 24 hours.",
)
async def list_notifications(
    parts: PartsDep,
    *,
    state: Annotated[DeliveryState | None, Query(description="Only those that stand so")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ListedDelivery]:
    position = paging.decode(cursor, int, str)
    after = (int(position[0]), str(position[1])) if position else None
    async with parts.database.connection() as connection:
        found = await outbox_list.list_deliveries(connection, state, after, limit + 1)
    return paging.page(
        found, limit, lambda each: each, lambda each: (each.number, each.destination)
    )


@routes.post(
    "/tests",
    operation_id="test_notifications",
    summary="Send a test to every destination, at once",
    description="It goes past the outbox, and is tried once.",
    responses=problem_responses(HTTPStatus.CONFLICT),
)
async def test(parts: PartsDep) -> Trial:
    _require_destination(parts)
    return Trial(items=await try_all(parts.destinations))


@routes.post(
    "/retries",
    operation_id="retry_notifications",
    summary="Try again what was given up",
    description="It has another 24 hours. What the same device told later may have arrived "
    "before it.",
    responses=problem_responses(HTTPStatus.CONFLICT),
)
async def retry(body: Retry, operator: OperatorDep, parts: PartsDep) -> Retried:
    _require_destination(parts)
    names = [each.name for each in parts.destinations]
    async with parts.database.connection() as connection:
        count = await outbox.try_again(connection, names, body.event)
    _log.info("deliveries are tried again", count=count, who=operator.name)
    return Retried(deliveries=count)


@alert_routes.post(
    ALERTS_PATH,
    operation_id="report_alerts",
    summary="Tell of alerts, as Alertmanager sends them",
    description="A receiver of Alertmanager's kind `webhook`. Each alert is told once when it "
    "fires, and once when it is resolved, however often it is sent.",
    responses=problem_responses(HTTPStatus.CONFLICT),
)
async def report_alerts(body: AlertGroup, operator: OperatorDep, parts: PartsDep) -> Told:
    _require_destination(parts)
    names = [each.name for each in parts.destinations]
    count = 0
    # In parts: changes of devices wait for each. If one fails, Alertmanager sends all again.
    for begin in range(0, len(body.alerts), MOST_AT_ONCE):
        async with parts.database.write_transaction(operator) as connection:
            raised = await raising.alerts_raised(connection)
            changes = changes_of_alerts(body.alerts[begin : begin + MOST_AT_ONCE], raised)
            count += await raising.tell(connection, names, changes)
    return Told(events=count)


def _require_destination(parts: Parts) -> None:
    if not parts.destinations:
        raise NoDestinationError
