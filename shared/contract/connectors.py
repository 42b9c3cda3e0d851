"""Connectors of a charger that has several: each is a charger to everything but the gateway.

Connector 1 has the id of its charger, ``c1234``; number N from 2 on has ``c1234:N``. Such an id
is in no URL of a device: only gateways and the registry write it.
"""

import re
from typing import Final, NamedTuple

from shared.contract.devices import ID_RULE, Kind, is_device_id

MOST_CONNECTORS: Final = 99
CONNECTOR_RULE: Final = (
    f"a connector's id is its charger's, a colon, and its number from 2 to {MOST_CONNECTORS}; "
    "connector 1 has its charger's id"
)
_COLON: Final = ":"
_NUMBER: Final = re.compile(r"[2-9]|[1-9][0-9]")


class Connector(NamedTuple):
    """A connector, and the charger that it belongs to."""

    charger_id: str
    number: int


def connector_id(charger_id: str, number: int) -> str | None:
    """Return the id of a charger's connector; None if there is none with this number.

    0 is the charger as a whole, which charges nothing.
    """
    if not 1 <= number <= MOST_CONNECTORS:
        return None
    return charger_id if number == 1 else f"{charger_id}{_COLON}{number}"


def is_id_of(kind: Kind, text: str) -> bool:
    """Tell whether a text may be the id of a device of a kind; a charger's may be a connector's."""
    return is_device_id(text) or (kind is Kind.CHARGER and read_connector_id(text) is not None)


def rule_for(text: str) -> str:
    """Return the rule that a text breaks which is no id of a charger."""
    return CONNECTOR_RULE if _COLON in text else ID_RULE


def charger_of(text: str) -> str | None:
    """Return the charger whose connector has an id; None: it is no connector's."""
    connector = read_connector_id(text)
    return None if connector is None or connector.number == 1 else connector.charger_id


def read_connector_id(text: str) -> Connector | None:
    """Return the connector that an id names, or None if it is no id; see `CONNECTOR_RULE`."""
    charger_id, colon, number = text.partition(_COLON)
    if not is_device_id(charger_id):
        return None
    if not colon:
        return Connector(charger_id, 1)
    return Connector(charger_id, int(number)) if _NUMBER.fullmatch(number) else None
