"""May this charger be commanded? No I/O."""

from typing import Final, NamedTuple

from services.registry.errors import ChargerOfflineError, NotRegisteredError, SpeaksNoOcppError
from services.registry.live.redis_values import (
    Environment,
    RawCharger,
    decode_live,
    decode_registration,
)
from services.registry.live.state import charger_state
from shared.contract.devices import Kind
from shared.contract.presence import decode_ocpp_charger

_UNTOLD: Final = 5_000_000
"""Within so many µs after it connected, a gateway says that a charger speaks OCPP."""


class Recipient(NamedTuple):
    """A connection that takes commands."""

    charger: str
    """Whose it is: no connector's id."""
    epoch: int


def recipient_of(commanded: RawCharger, charger: RawCharger, environment: Environment) -> Recipient:
    """Return who takes commands to a charger or to one of its connectors.

    Args:
        commanded: The charger, or the connector.
        charger: The charger.
        environment: What is the same for all.

    Raises:
        NotRegisteredError: One of the two is not registered.
        ChargerOfflineError: The charger is not connected.
        SpeaksNoOcppError: It takes no commands.
        DirectoryAbsentError: The directory is not in Redis.
    """
    for each in commanded, charger:
        if decode_registration(each.entry, is_complete=each.is_complete) is None:
            raise NotRegisteredError(Kind.CHARGER, each.id)
    state = charger_state(charger, environment)
    if state is None or not state.online:
        raise ChargerOfflineError(charger.id)
    epoch, ocpp = decode_live(charger.live).epoch, decode_ocpp_charger(charger.ocpp)
    if ocpp is None or ocpp.epoch != epoch:
        # An epoch is about when it was drawn.
        raise SpeaksNoOcppError(charger.id, is_new=environment.now - epoch < _UNTOLD)
    return Recipient(charger.id, epoch)
