"""What counts as full at a charger that knows no state of charge, in Postgres."""

from typing import Final, NamedTuple

from services.registry.devices import devices
from services.registry.errors import NotRegisteredError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_changed, fetch_one
from shared.contract.devices import Kind


class Setting(NamedTuple):
    """The setting of a charger."""

    full_when: str
    secrets_number: int
    """Its changes are ordered by this one, too."""


_FIND: Final = "SELECT full_when, secrets_number FROM chargers WHERE id = %(id)s"

_CHANGE: Final = """
    UPDATE chargers
    SET full_when = %(full_when)s
    WHERE id = %(id)s
    RETURNING full_when, secrets_number
"""


async def find(connection: Connection, charger_id: str) -> Setting:
    """Return the setting of a charger, or of a connector.

    Raises:
        NotRegisteredError: It is not registered.
    """
    await devices.get(connection, Kind.CHARGER, charger_id)  # it says which one may be meant
    found = await fetch_one(connection, Setting, _FIND, {"id": charger_id})
    if found is None:
        raise NotRegisteredError(Kind.CHARGER, charger_id)
    return found


async def change(connection: Connection, charger_id: str, full_when: str) -> Setting:
    """Change the setting of a charger, in a write transaction.

    Raises:
        NotRegisteredError: It is not registered.
    """
    await devices.get(connection, Kind.CHARGER, charger_id)
    values = {"id": charger_id, "full_when": full_when}
    return await fetch_changed(connection, Setting, _CHANGE, values)
