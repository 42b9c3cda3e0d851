"""What an open rental keeps others from."""

from http import HTTPStatus

from services.registry.api.problems import ProblemError
from services.registry.postgres.database import Connection
from services.registry.rentals import rentals
from services.registry.rentals.rentals import Rental


async def require_empty(connection: Connection, charger: str) -> None:
    """Refuse while there is a phone in a charger.

    Raises:
        ProblemError: There is one (409).
    """
    rental = await rentals.open_of_charger(connection, charger)
    if rental is not None:
        raise _is_open(rental, f"there is a phone in {charger}", "")


async def require_not_held(
    connection: Connection, widget: str, *, but_for: str | None = None, remedy: str = ""
) -> None:
    """Refuse while a visitor has a widget.

    Args:
        connection: One of ``Database.changing``.
        widget: The widget.
        but_for: A charger whose visitor may have it.
        remedy: What else can be done.

    Raises:
        ProblemError: One has (409).
    """
    rental = await rentals.open_of_widget(connection, widget)
    if rental is not None and rental.charger != but_for:
        said = f"a visitor has {widget}, whose phone is in {rental.charger}"
        raise _is_open(rental, said, remedy)


def _is_open(rental: Rental, said: str, remedy: str) -> ProblemError:
    ticket = f", ticket {rental.ticket}" if rental.ticket else ""
    return ProblemError(
        HTTPStatus.CONFLICT,
        f"{said} since {rental.opened_at:%Y-%m-%dT%H:%M:%SZ}{ticket}. Have it collected first "
        f"(PUT /rentals/{rental.id}/collection; chargelight rentals collect {rental.charger})"
        f"{remedy}",
        kind="rental-is-open",
        title="A rental is open",
        rental=str(rental.id),
        charger=rental.charger,
        widget=rental.widget,
        ticket=rental.ticket,
    )
