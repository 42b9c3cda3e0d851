"""Does what the rule of pairing says, whichever side the wish came from."""

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Response

from services.registry.api.problems import ProblemError
from services.registry.api.representations import CurrentPairing
from services.registry.devices import devices, etags, pairings
from services.registry.devices.device_routes import not_registered
from services.registry.devices.devices import Kind
from services.registry.devices.etags import Conditions
from services.registry.devices.pairing import Decision, decide
from services.registry.devices.pairings import Pairing
from services.registry.postgres.database import Connection
from services.registry.rentals import open_rentals
from shared.contract.devices import is_device_id
from shared.process import logs

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """Two valid ids that shall be paired."""

    charger: str
    widget: str
    replace: bool
    """End what either of them is part of now."""
    anew: bool = False
    """Pair them anew also if they are paired: what was read before lights nothing."""


def require_possible(kind: Kind, device_id: str) -> None:
    """Refuse an id that can not exist, and so is not paired, before Postgres is asked.

    Raises:
        ProblemError: It can not exist (404).
    """
    if not is_device_id(device_id):
        raise _not_paired(kind, device_id)


async def current(connection: Connection, kind: Kind, device_id: str) -> Pairing:
    """Return the pairing that a device is part of now.

    Raises:
        ProblemError: None (404).
    """
    find = pairings.of_charger if kind is Kind.CHARGER else pairings.of_widget
    found = await find(connection, device_id)
    if found is None:
        raise _not_paired(kind, device_id)
    return found


async def fulfil(
    connection: Connection, wish: Wish, seen_from: Kind, conditions: Conditions
) -> Pairing:
    """Pair two devices, if nothing speaks against it.

    Args:
        connection: One of ``Database.changing``.
        wish: Which two.
        seen_from: Whose pairing the conditions are about.
        conditions: What must hold.

    Raises:
        ProblemError: One of the two is not registered (404), a condition does not hold
            (412), or one of the two is paired with another one (409).
    """
    for kind, device_id in ((Kind.CHARGER, wish.charger), (Kind.WIDGET, wish.widget)):
        if await devices.find(connection, kind, device_id) is None:
            raise not_registered(kind, device_id)
    of_charger = await pairings.of_charger(connection, wish.charger)
    of_widget = await pairings.of_widget(connection, wish.widget)
    own = of_charger if seen_from is Kind.CHARGER else of_widget
    conditions.require(etags.of_pairing(own) if own else None)
    decision = decide(
        charger=wish.charger,
        widget=wish.widget,
        widget_now=of_charger.widget if of_charger else None,
        charger_now=of_widget.charger if of_widget else None,
        replace=wish.replace,
    )
    if decision is Decision.KEEP and of_charger is not None and not wish.anew:
        return of_charger
    if decision is Decision.REFUSE:
        raise _paired_otherwise(of_charger, of_widget)
    if not wish.replace:
        await open_rentals.require_not_held(
            connection,
            wish.widget,
            but_for=wish.charger,
            remedy=", or repeat with ?replace=true to take it from there",
        )
    pairing = await pairings.pair(connection, wish.charger, wish.widget)
    _log.info(
        "paired",
        charger=pairing.charger,
        widget=pairing.widget,
        pairing_number=pairing.pairing_number,
    )
    return pairing


async def end(
    connection: Connection, seen_from: Kind, device_id: str, conditions: Conditions
) -> int | None:
    """End the pairing that a device is part of; return the number that drew.

    Raises:
        ProblemError: It is not paired (404), or a condition does not hold (412).
    """
    pairing = await current(connection, seen_from, device_id)
    conditions.require(etags.of_pairing(pairing))
    number = await pairings.unpair(connection, pairing.charger)
    _log.info("unpaired", charger=pairing.charger, widget=pairing.widget, pairing_number=number)
    return number


def shown(pairing: Pairing, response: Response, *, projected: bool) -> CurrentPairing:
    """Return a pairing as the API shows it, and set its entity tag."""
    response.headers["ETag"] = etags.of_pairing(pairing)
    return listed(pairing, projected=projected)


def listed(pairing: Pairing, *, projected: bool) -> CurrentPairing:
    """Return a pairing as a list shows it."""
    return CurrentPairing(
        charger=pairing.charger,
        widget=pairing.widget,
        pairing_number=pairing.pairing_number,
        paired_at=pairing.paired_at,
        projected=projected,
    )


def _not_paired(kind: Kind, device_id: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        f"the {kind.value} {device_id!r} is not paired",
        kind="not-paired",
        title="Not paired",
    )


def _paired_otherwise(of_charger: Pairing | None, of_widget: Pairing | None) -> ProblemError:
    said = []
    if of_widget is not None:
        said.append(f"the widget {of_widget.widget} is paired with the charger {of_widget.charger}")
    if of_charger is not None:
        said.append(
            f"the charger {of_charger.charger} is paired with the widget {of_charger.widget}"
        )
    other = of_widget or of_charger
    assert other is not None  # noqa: S101 - the rule refuses for one of them
    which = "widget" if of_widget is not None else "charger"
    return ProblemError(
        HTTPStatus.CONFLICT,
        f"{', and '.join(said)}. Unpair first, or repeat with ?replace=true to end what is in "
        "the way",
        kind=f"{which}-is-paired",
        title=f"The {which} is paired with another {'charger' if of_widget else 'widget'}",
        charger=other.charger,
        widget=other.widget,
        pairing=other.pairing_number,
    )
