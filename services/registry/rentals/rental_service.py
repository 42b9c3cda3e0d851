"""Opens and closes rentals, if nothing speaks against it."""

from http import HTTPStatus
from uuid import UUID

from services.registry.api.problems import ProblemError
from services.registry.devices import devices, pairing_service, pairings
from services.registry.devices.device_routes import not_registered
from services.registry.devices.devices import Kind
from services.registry.devices.etags import Conditions
from services.registry.devices.pairing_service import Wish
from services.registry.postgres.database import Connection
from services.registry.rentals import open_rentals, rentals
from services.registry.rentals.rentals import Rental
from services.registry.rentals.representations import Collection, HandOver, PairingAfter
from shared.process import logs

_log = logs.get(__name__)


async def existing(connection: Connection, rental_id: UUID) -> Rental:
    """Return a rental.

    Raises:
        ProblemError: There is none (404).
    """
    found = await rentals.find(connection, rental_id)
    if found is None:
        raise ProblemError(
            HTTPStatus.NOT_FOUND,
            f"there is no rental {rental_id}",
            kind="no-such-rental",
            title="No such rental",
        )
    return found


async def hand_over(
    connection: Connection, rental_id: UUID, wish: HandOver, *, replace: bool
) -> tuple[Rental, bool]:
    """Open a rental with a pairing number of its own; the same one again changes nothing.

    Args:
        connection: One of ``Database.changing``.
        rental_id: Of the client's choice.
        wish: What is handed over.
        replace: End pairings that are in the way.

    Returns:
        The rental, and whether it is new.

    Raises:
        ProblemError: A device is not registered (404); or the id is taken, a phone is in
            the charger, another visitor has the widget, or a pairing is in the way (409).
    """
    known = await rentals.find(connection, rental_id)
    if known is not None:
        newest = await rentals.number_of_charger(connection, known.charger)
        _require_same(known, wish, is_paired_anew=newest != known.pairing_number)
        return known, False
    widget = wish.widget or await _widget_of(connection, wish.charger)
    await open_rentals.require_empty(connection, wish.charger)
    await open_rentals.require_not_held(connection, widget)
    pairing = await pairing_service.fulfil(
        connection,
        Wish(wish.charger, widget, replace, anew=True),
        Kind.CHARGER,
        Conditions(None, None),
    )
    opened = await rentals.open_(
        connection,
        rental_id,
        charger=wish.charger,
        widget=widget,
        ticket=wish.ticket,
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


async def collect(connection: Connection, rental_id: UUID, wish: Collection) -> Rental:
    """Close a rental: its light goes dark. Closing it again changes nothing.

    Args:
        connection: One of ``Database.changing``.
        rental_id: Which.
        wish: What becomes of pairing and widget.

    Raises:
        ProblemError: There is no such rental (404).
    """
    rental = await existing(connection, rental_id)
    if rental.collected_at is not None:
        returned = wish.widget_returned and await rentals.return_widget(connection, rental_id)
        return returned or rental
    pairing = await pairings.of_charger(connection, rental.charger)
    if pairing is not None and wish.pairing is PairingAfter.KEEP:
        # Anew: what the phone reported is nothing to the next visitor.
        await pairings.pair(connection, pairing.charger, pairing.widget)
    elif pairing is not None:
        await pairings.unpair(connection, pairing.charger)
    # It once was registered, but somebody may have removed the trace of that by hand.
    number = await rentals.number_of_charger(connection, rental.charger) or 0
    collected = await rentals.collect(
        connection,
        rental,
        number=max(number, rental.pairing_number + 1),
        widget_returned=wish.widget_returned,
    )
    _log.info("rental closed", rental=str(rental_id), charger=rental.charger)
    return collected


async def return_widget(connection: Connection, rental_id: UUID) -> Rental:
    """Note that a widget came back; noting it again changes nothing.

    Raises:
        ProblemError: There is no such rental (404), its phone was not collected yet, or
            it has no widget (409).
    """
    rental = await existing(connection, rental_id)
    returned = await rentals.return_widget(connection, rental_id)
    if returned is not None:
        return returned
    detail = (
        f"the phone in {rental.charger} was not collected yet. Collect it first"
        if rental.collected_at is None
        else "this visitor had no widget any more: it was paired with another charger"
    )
    raise ProblemError(
        HTTPStatus.CONFLICT, detail, kind="no-widget-to-return", title="No widget to return"
    )


def _require_same(known: Rental, wish: HandOver, *, is_paired_anew: bool) -> None:
    same = (known.charger, known.ticket) == (wish.charger, wish.ticket)
    # Paired anew since, it may have another widget by now than was asked for then.
    same_widget = is_paired_anew or wish.widget in (None, known.widget)
    if not (same and same_widget):
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"the rental {known.id} is another one: of {known.charger} with {known.widget}, "
            f"opened at {known.opened_at:%Y-%m-%dT%H:%M:%SZ}. Take a new id for a new rental",
            kind="rental-exists",
            title="The id is taken",
            charger=known.charger,
            widget=known.widget,
        )


async def _widget_of(connection: Connection, charger: str) -> str:
    if await devices.find(connection, Kind.CHARGER, charger) is None:
        raise not_registered(Kind.CHARGER, charger)
    pairing = await pairings.of_charger(connection, charger)
    if pairing is None:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            f"{charger} is not paired with a widget. Name the one that the visitor is given",
            kind="not-paired",
            title="Not paired",
        )
    return pairing.widget
