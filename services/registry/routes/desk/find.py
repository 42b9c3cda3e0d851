"""REST: what does this code, or what a person typed, mean?"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.api.guarded_route import GuardedRouter
from services.registry.api.representations import ListedCharger, ListedWidget, listed
from services.registry.desk import finding, scanned
from services.registry.desk.finding import FittingRental, Found
from services.registry.desk.scanned import ScannedText
from services.registry.devices.lists import ListedDevice
from services.registry.directory.projector import Projector
from services.registry.rentals.rentals import Rental
from services.registry.rentals.representations import ShownRental
from services.registry.routes.dependencies import BoothDep, PartsDep
from shared.contract.devices import Kind

routes = GuardedRouter(tags=["desk"])


class What(StrEnum):
    """What a text may stand for."""

    CHARGER = "charger"
    WIDGET = "widget"
    RENTAL = "rental"


class FoundThing(BaseModel):
    """A thing that a text may stand for."""

    what: What = Field(description="Which of the members it is")
    exact: bool = Field(
        description="Whether the text names it as a whole, and better than others of its kind; or "
        "else it is a part of an id, a label or a ticket"
    )
    charger: ListedCharger | None = Field(default=None, description="The charger; null: it is none")
    widget: ListedWidget | None = Field(default=None, description="The widget; null: it is none")
    rental: ShownRental | None = Field(
        default=None,
        description="The rental. Of a charger: of the phone in it. Of a widget: of the visitor who "
        "has it, or who kept it when the phone was collected. null: there is none",
    )


class FoundThings(BaseModel):
    """What a text may stand for."""

    items: list[FoundThing] = Field(
        description=f"Chargers, widgets, rentals; of each the best first, {finding.MOST} at most"
    )
    more: bool = Field(description="Whether there are others, so that more must be typed")


@routes.get(
    "/find",
    operation_id="find_things",
    summary="What does a scanned code mean, or what a person typed?",
    description="A charger or a widget by its id or label, a rental by its ticket or one of its "
    "ids, also by a part of them. Of a link, what its last word names, which may be in its path, "
    "its query or its fragment. Rentals that are over are found only by the whole.",
)
async def find(
    parts: PartsDep,
    *,
    q: Annotated[
        ScannedText,
        Query(
            description="As it was scanned or typed; capitals and accents do not matter",
        ),
    ],
    booth: BoothDep,
) -> FoundThings:
    async with parts.database.connection() as connection:
        found = await finding.find(connection, scanned.read(q), booth)
    items = [*_devices(found, parts.projector), *_rentals(found.rentals, parts.projector)]
    return FoundThings(items=items, more=found.more)


def _devices(found: Found, projector: Projector) -> Iterator[FoundThing]:
    for kind, fitting in found.devices.items():
        for device in fitting:
            rental = _rental_of(kind, device, found.of_devices)
            projected = projector.has_projected(device.newest_number)
            members: dict[str, Any] = {kind.value: listed(kind, device, projected=projected)}
            if rental is not None:
                members["rental"] = _shown(rental, projector)
            yield FoundThing(what=What(kind.value), exact=device.exact, **members)


def _rentals(fitting: Iterable[FittingRental], projector: Projector) -> Iterator[FoundThing]:
    for rental in fitting:
        yield FoundThing(what=What.RENTAL, exact=rental.exact, rental=_shown(rental, projector))


def _rental_of(kind: Kind, device: ListedDevice, rentals: Iterable[Rental]) -> Rental | None:
    """Return the rental that a device is in; an open one goes first."""
    of_kind = (each for each in rentals if kind is Kind.WIDGET or each.collected_at is None)
    return next((each for each in of_kind if getattr(each, kind.value) == device.id), None)


def _shown(rental: Rental, projector: Projector) -> ShownRental:
    number = rental.ended_number or rental.pairing_number
    return ShownRental.of(rental, projected=projector.has_projected(number))
