"""REST: why is this light as it is?"""

from http import HTTPStatus
from typing import Final

from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.problems import problem_responses
from services.registry.devices import devices, open_rentals
from services.registry.errors import DirectoryAbsentError
from services.registry.explain.explanation import (
    explain,
    explain_either,
    without_directory,
    without_redis,
)
from services.registry.explain.facts import ChargerFacts, Facts, PostgresFacts, charger_facts
from services.registry.explain.finding import Explanation
from services.registry.live.redis_values import (
    Environment,
    unreadable_of_charger,
    unreadable_of_widget,
)
from services.registry.live.refused import shown
from services.registry.live.state import WidgetState, to_datetime, widget_state
from services.registry.live.state_reader import StateReader
from services.registry.postgres.conditions import PostgresUnavailableError
from services.registry.postgres.database import Database
from services.registry.routes.dependencies import AnyId, Parts, PartsDep
from shared.bus.bus import BusUnavailableError
from shared.contract.devices import Kind

_DESCRIPTION: Final = (
    "Everything that is known of the pair, and what follows from it. Answered as well as "
    "can be while Redis or Postgres is away, and for devices that are not registered."
)

routes = GuardedRouter(tags=["live"])


@routes.get(
    "/explanations/{device_id}",
    operation_id="explain_device",
    summary="Why is the light of this charger or widget as it is?",
    description=f"{_DESCRIPTION} Of a charger and a widget with the same id, the charger.",
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def explain_any(device_id: AnyId, parts: PartsDep) -> Explanation:
    return await _explain(None, device_id, parts)


@routes.get(
    "/chargers/{charger_id}/explanation",
    operation_id="explain_charger",
    summary="Why is the light of this charger's widget as it is?",
    description=_DESCRIPTION,
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def explain_charger(charger_id: AnyId, parts: PartsDep) -> Explanation:
    return await _explain(Kind.CHARGER, charger_id, parts)


@routes.get(
    "/widgets/{widget_id}/explanation",
    operation_id="explain_widget",
    summary="Why is this widget's light as it is?",
    description=_DESCRIPTION,
    responses=problem_responses(HTTPStatus.NOT_FOUND),
)
async def explain_widget(widget_id: AnyId, parts: PartsDep) -> Explanation:
    return await _explain(Kind.WIDGET, widget_id, parts)


async def _explain(kind: Kind | None, device_id: str, parts: Parts) -> Explanation:
    devices.require_possible(kind, device_id)
    title = f"{kind.value} {device_id}" if kind else device_id
    try:
        of_charger, of_widget = await _facts(device_id, parts)
    except BusUnavailableError as error:
        return without_redis(title, str(error))
    except DirectoryAbsentError:
        return without_directory(title)
    match kind:
        case Kind.CHARGER:
            return explain(of_charger, of_widget)
        case Kind.WIDGET:
            return explain(of_widget, of_charger)
        case None:
            return explain_either(of_charger, of_widget)


async def _facts(device_id: str, parts: Parts) -> list[Facts]:
    """Return what is known of the charger and of the widget with an id."""
    unreadable: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    in_redis = [await _in_redis(parts.reader, kind, device_id, unreadable[kind]) for kind in Kind]
    refused = [shown(item) for item in await parts.reader.refused()]
    in_postgres = await _in_postgres(parts.database, device_id)
    return [
        Facts(
            kind,
            device_id,
            to_datetime(environment.now),
            charger,
            widget,
            in_postgres.get(kind),
            unreadable[kind],
            refused,
        )
        for kind, (charger, widget, environment) in zip(Kind, in_redis, strict=True)
    ]


async def _in_redis(
    reader: StateReader, kind: Kind, device_id: str, unreadable: list[str]
) -> tuple[ChargerFacts | None, WidgetState | None, Environment]:
    if kind is Kind.CHARGER:
        charger, environment = await _charger(reader, device_id, unreadable)
        partner = charger.state.widget if charger else None
        widget = (await _widget(reader, partner, unreadable))[0] if partner else None
    else:
        widget, environment = await _widget(reader, device_id, unreadable)
        partner = widget.charger if widget else None
        charger = (await _charger(reader, partner, unreadable))[0] if partner else None
    return charger, widget, environment


async def _charger(
    reader: StateReader, charger_id: str, unreadable: list[str]
) -> tuple[ChargerFacts | None, Environment]:
    (raw,), environment = await reader.chargers([charger_id])
    unreadable += [*environment.broken_keys, *unreadable_of_charger(raw)]
    return charger_facts(raw, environment, reader.partition_of(charger_id)), environment


async def _widget(
    reader: StateReader, widget_id: str, unreadable: list[str]
) -> tuple[WidgetState | None, Environment]:
    (raw,), environment = await reader.widgets([widget_id])
    unreadable += [*environment.broken_keys, *unreadable_of_widget(raw)]
    return widget_state(raw, environment), environment


async def _in_postgres(database: Database, device_id: str) -> dict[Kind, PostgresFacts]:
    """Return what Postgres knows of each kind; nothing, if it is away."""
    found = {}
    try:
        async with database.connection() as connection:
            for kind in Kind:
                device = await devices.find(connection, kind, device_id)
                rental = await open_rentals.find(connection, kind, device_id)
                similar = None
                if device is None:
                    similar = await devices.find_similar(connection, kind, device_id)
                number = device.pairing_number if device else None
                found[kind] = PostgresFacts(number, rental, similar)
    except PostgresUnavailableError:
        return {}
    return found
