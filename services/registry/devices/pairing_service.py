"""The rule of pairing: a charger has at most one widget, a widget at most one charger."""

from dataclasses import dataclass

from services.registry.devices import devices, etags, open_rentals, pairings
from services.registry.devices.etags import Conditions
from services.registry.devices.pairings import Pairing
from services.registry.errors import (
    CanaryError,
    ChargerIsPairedError,
    NotPairedError,
    WidgetIsPairedError,
)
from services.registry.postgres.database import Connection
from shared.contract.devices import Kind
from shared.process import logs

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class PairingRequest:
    """A charger and a widget to pair; both ids are valid."""

    charger: str
    widget: str
    replace: bool
    """End other pairings of the two."""
    always: bool = False
    """Pair them again even if they are a pair, so that no earlier reading lights the widget."""


async def get(connection: Connection, kind: Kind, device_id: str) -> Pairing:
    """Return the pairing that a device is part of.

    Raises:
        NotRegisteredError: It is not registered.
        NotPairedError: It is not paired.
    """
    found = await pairings.find(connection, kind, device_id)
    if found is None:
        await devices.get(connection, kind, device_id)
        raise NotPairedError(kind, device_id)
    return found


async def pair(
    connection: Connection, request: PairingRequest, conditions: Conditions, seen_from: Kind
) -> Pairing:
    """Pair two devices in a write transaction; two that are a pair stay as they are.

    The conditions are about the pairing of the device of the kind ``seen_from``.

    Raises:
        NotRegisteredError: One of the two is not registered.
        ChangedMeanwhileError: A condition does not hold.
        ExistsError: A condition does not hold.
        ChargerIsPairedError: The charger is paired with another widget.
        WidgetIsPairedError: The widget is paired with another charger.
        RentalIsOpenError: A visitor has the widget.
        CanaryError: One of the two is a canary, and the other one is not.
    """
    charger = await devices.get(connection, Kind.CHARGER, request.charger)
    widget = await devices.get(connection, Kind.WIDGET, request.widget)
    if charger.canary != widget.canary:
        one = charger if charger.canary else widget
        raise CanaryError(f"{one.id} is a canary, which is paired only with another one")
    of_charger = await pairings.find(connection, Kind.CHARGER, request.charger)
    of_widget = await pairings.find(connection, Kind.WIDGET, request.widget)
    own = of_charger if seen_from is Kind.CHARGER else of_widget
    conditions.require(etags.of_pairing(own) if own else None)
    if of_charger is not None and of_charger == of_widget:
        if not request.always:
            # Pairing them again would darken the widget for nothing.
            return of_charger
    elif (of_charger or of_widget) and not request.replace:
        # Another visitor's light would go out.
        raise _conflict(of_charger, of_widget)
    if not request.replace:
        await open_rentals.require_free(
            connection,
            request.widget,
            but_for=request.charger,
            remedy=", or repeat with ?replace=true (on the command line --replace) to take it "
            "from there",
        )
    pairing = await pairings.pair(connection, request.charger, request.widget)
    _log.info(
        "paired",
        charger=pairing.charger,
        widget=pairing.widget,
        pairing_number=pairing.pairing_number,
    )
    return pairing


async def end(
    connection: Connection, kind: Kind, device_id: str, conditions: Conditions
) -> int | None:
    """End the pairing that a device is part of; return the pairing number of that change.

    Raises:
        NotRegisteredError: It is not registered.
        NotPairedError: It is not paired.
        ChangedMeanwhileError: A condition does not hold.
        ExistsError: A condition does not hold.
    """
    pairing = await get(connection, kind, device_id)
    conditions.require(etags.of_pairing(pairing))
    number = await pairings.unpair(connection, pairing.charger)
    _log.info("unpaired", charger=pairing.charger, widget=pairing.widget, pairing_number=number)
    return number


def _conflict(
    of_charger: Pairing | None, of_widget: Pairing | None
) -> ChargerIsPairedError | WidgetIsPairedError:
    problems = []
    if of_widget is not None:
        problems.append(
            f"the widget {of_widget.widget} is paired with the charger {of_widget.charger}"
        )
    if of_charger is not None:
        problems.append(
            f"the charger {of_charger.charger} is paired with the widget {of_charger.widget}"
        )
    other = of_widget or of_charger
    assert other is not None  # noqa: S101 - the rule refuses for one of them
    error = WidgetIsPairedError if of_widget is not None else ChargerIsPairedError
    return error(
        f"{', and '.join(problems)}. Unpair first, or repeat with ?replace=true (on the command "
        "line --replace) to end what is in the way",
        charger=other.charger,
        widget=other.widget,
        pairing=other.pairing_number,
    )
