"""Entity tags of devices and pairings, and the conditions that changes of them may carry."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Depends

from services.registry.api import preconditions
from services.registry.api.preconditions import IfMatch, IfNoneMatch, etag_of
from services.registry.api.problems import ProblemError
from services.registry.devices.devices import Device
from services.registry.devices.pairings import Pairing

WITH_ETAG: Final[dict[str, Any]] = {
    "headers": {
        "ETag": {
            "description": "Pass it as If-Match to change only what you have seen",
            "schema": {"type": "string"},
        }
    }
}
"""For ``responses=``: an answer that carries an entity tag."""


def of_device(device: Device) -> str:
    """Return a device's entity tag: another one after each change of it or its pairing."""
    return etag_of(device.id, device.label, device.location, device.pairing_number)


def of_pairing(pairing: Pairing) -> str:
    """Return a pairing's entity tag."""
    return etag_of(pairing.charger, pairing.widget, pairing.pairing_number)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What must hold for something to be changed."""

    if_match: str | None
    if_none_match: str | None

    def require(self, etag: str | None) -> None:
        """Check them, inside the transaction that makes the change.

        Args:
            etag: What is there now; None: nothing.

        Raises:
            ProblemError: One does not hold (412).
        """
        preconditions.require_none(self.if_none_match, etag)
        if etag is not None:
            preconditions.require_match(self.if_match, etag)
        elif self.if_match is not None:
            raise ProblemError(
                HTTPStatus.PRECONDITION_FAILED,
                "there is none any more, or there never was. Leave out If-Match to make one",
                kind="changed-meanwhile",
                title="Changed meanwhile",
            )


def _conditions(if_match: IfMatch = None, if_none_match: IfNoneMatch = None) -> Conditions:
    return Conditions(if_match, if_none_match)


OnCondition = Annotated[Conditions, Depends(_conditions)]
"""The conditions of a request that changes something, as a parameter of a route."""
