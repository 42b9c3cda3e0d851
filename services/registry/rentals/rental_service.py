"""Opens and closes rentals."""

from uuid import UUID

from services.registry.devices import devices, open_rentals, pairing_service, pairings
from services.registry.devices.etags import Conditions
from services.registry.devices.pairing_service import PairingRequest
from services.registry.errors import (
    CanaryError,
    NoSuchRentalError,
    NoWidgetToGiveError,
    NoWidgetToReturnError,
    RentalExistsError,
)
from services.registry.postgres.database import Connection
from services.registry.rentals import rentals, short_ids
from services.registry.rentals.rentals import Rental
from services.registry.rentals.representations import Collection, HandOver
from shared.contract.devices import Kind
from shared.process import logs

_log = logs.get(__name__)


async def get(connection: Connection, which: UUID | int) -> Rental:
    """Return a rental by its id or by its opening number.

    Raises:
        NoSuchRentalError: There is none.
    """
    found = await rentals.find(connection, which)
    if found is None:
        raise no_such_rental(which)
    return found


def no_such_rental(which: UUID | int) -> NoSuchRentalError:
    """Return the error that says that there is none."""
    name = which if isinstance(which, UUID) else short_ids.encode(which)
    return NoSuchRentalError(f"there is no rental {name}")


async def hand_over(
    connection: Connection, rental_id: UUID, hand_over: HandOver, *, replace: bool
) -> tuple[Rental, bool]:
    """Open a rental with a pairing number of its own; the same request again changes nothing.

    Returns:
        The rental, and whether it is new.

    Raises:
        NotRegisteredError: The charger or the widget is not registered.
        NoWidgetToGiveError: No widget is named, and the charger is not paired.
        RentalExistsError: Another rental has this id.
        RentalIsOpenError: A phone is in the charger, or another visitor has the widget.
        ChargerIsPairedError: The charger is paired with another widget.
        WidgetIsPairedError: The widget is paired with another charger.
        CanaryError: The charger or the widget is a canary.
    """
    known = await rentals.find(connection, rental_id)
    if known is not None:
        newest = await rentals.number_of_charger(connection, known.charger)
        _require_same(known, hand_over, paired_since=newest != known.pairing_number)
        return known, False
    charger = hand_over.charger
    if (await devices.get(connection, Kind.CHARGER, charger)).canary:
        raise CanaryError(f"{charger} is a canary: no phone is in it")
    widget = hand_over.widget or await _widget_of(connection, charger)
    await open_rentals.require_empty(connection, charger)
    await open_rentals.require_free(connection, widget)
    before = await pairings.find(connection, Kind.CHARGER, charger)
    request = PairingRequest(charger, widget, replace, always=True)
    pairing = await pairing_service.pair(connection, request, Conditions(), Kind.CHARGER)
    opened = await rentals.open_(
        connection,
        rental_id,
        charger=charger,
        widget=widget,
        ticket=hand_over.ticket,
        paired_before=before is not None and before.widget == widget,
        pairing_number=pairing.pairing_number,
    )
    _log.info(
        "rental opened",
        rental=str(rental_id),
        charger=opened.charger,
        widget=opened.widget,
        pairing_number=opened.pairing_number,
    )
    return opened, True


async def collect(connection: Connection, which: UUID | int, collection: Collection) -> Rental:
    """Close a rental: its light goes dark. Closing it again changes nothing.

    Raises:
        NoSuchRentalError: There is none with this id.
    """
    rental = await get(connection, which)
    if rental.collected_at is not None:
        returned = collection.widget_returned and await rentals.return_widget(connection, rental.id)
        return returned or rental
    keep = collection.keeps_pairing(paired_before=rental.paired_before)
    was_paired = await _keep_or_end_pairing(connection, rental.charger, keep=keep)
    # The charger was registered once, but its row may have been removed by hand since.
    number = await rentals.number_of_charger(connection, rental.charger) or 0
    collected = await rentals.collect(
        connection,
        rental,
        number=max(number, rental.pairing_number + 1),
        widget_returned=collection.widget_returned,
        pairing_kept=keep if was_paired else None,
    )
    _log.info(
        "rental closed",
        rental=str(rental.id),
        charger=rental.charger,
        pairing_kept=collected.pairing_kept,
    )
    return collected


async def _keep_or_end_pairing(connection: Connection, charger: str, *, keep: bool) -> bool:
    """Keep or end the pairing of a charger; tell whether there was one."""
    pairing = await pairings.find(connection, Kind.CHARGER, charger)
    if pairing is None:
        return False
    if keep:
        # With a new number: what this phone reported must not light the next visitor's widget.
        await pairings.pair(connection, pairing.charger, pairing.widget)
    else:
        await pairings.unpair(connection, pairing.charger)
    return True


async def return_widget(connection: Connection, which: UUID | int) -> Rental:
    """Note that a widget came back; noting it again changes nothing.

    Raises:
        NoSuchRentalError: There is none with this id.
        NoWidgetToReturnError: Its phone was not collected yet, or it has no widget.
    """
    rental = await get(connection, which)
    returned = await rentals.return_widget(connection, rental.id)
    if returned is not None:
        return returned
    raise NoWidgetToReturnError(
        f"the phone in {rental.charger} was not collected yet. Collect it first"
        if rental.collected_at is None
        else "this visitor had no widget any more: it was paired with another charger"
    )


def _require_same(known: Rental, hand_over: HandOver, *, paired_since: bool) -> None:
    same = (known.charger, known.ticket) == (hand_over.charger, hand_over.ticket)
    # Paired again since, it may have another widget now than the request named.
    same_widget = paired_since or hand_over.widget in (None, known.widget)
    if not (same and same_widget):
        raise RentalExistsError(
            f"the rental {known.id} is another one: of {known.charger} with {known.widget}, "
            f"opened at {known.opened_at:%Y-%m-%dT%H:%M:%SZ}. Take a new id for a new rental",
            charger=known.charger,
            widget=known.widget,
        )


async def _widget_of(connection: Connection, charger: str) -> str:
    await devices.get(connection, Kind.CHARGER, charger)
    pairing = await pairings.find(connection, Kind.CHARGER, charger)
    if pairing is None:
        raise NoWidgetToGiveError(
            f"{charger} is not paired with a widget. Name the one that the visitor is given"
        )
    return pairing.widget
