"""Commands in the audit log. An id of a command is there once per charger, and so it is sent once.

Before it is sent it is noted, and noted again with the charger's answer, or with why it was not
sent after all.
"""

from typing import Any, Final, NamedTuple

from psycopg.types.json import Jsonb

from services.registry.postgres.actor import Actor
from services.registry.postgres.database import Connection

_NOTE: Final = """
    INSERT INTO audit_log (who, action, kind, subject, details, booth)
    SELECT %(who)s, %(action)s, 'command', %(charger)s, %(details)s,
           (SELECT booth FROM chargers WHERE id = %(charger)s)
"""
_IS_NOTED: Final = """
    SELECT FROM audit_log
    WHERE subject = %(charger)s AND kind = 'command' AND action = 'changed'
      AND details ->> 'id' = %(id)s
"""
_FIND: Final = """
    SELECT action, details
    FROM audit_log
    WHERE subject = %(charger)s AND kind = 'command' AND details ->> 'id' = %(id)s
    ORDER BY id
"""


class Noted(NamedTuple):
    """What is noted of a command."""

    command: str
    answer: dict[str, Any] | None
    """None: none is known."""
    is_unsent: bool = False
    """Whether it was certainly not sent."""


async def find(connection: Connection, charger: str, command_id: str) -> Noted | None:
    """Return what is noted of a command; None: there was none with this id."""
    rows = await connection.execute(_FIND, {"charger": charger, "id": command_id})
    found: dict[str, dict[str, Any]] = dict(await rows.fetchall())
    if "created" not in found:
        return None
    command, changed = found["created"]["command"], found.get("changed")
    if changed is None or "unsent" in changed:
        return Noted(command, None, is_unsent=changed is not None)
    return Noted(command, {name: changed[name][1] for name in changed.keys() - {"id"}})


async def note(
    connection: Connection, by: Actor, charger: str, command_id: str, command: str
) -> None:
    """Note that a command is about to be sent."""
    details = {"id": command_id, "command": command}
    await _note(connection, by, charger, "created", details)


async def note_outcome(
    connection: Connection, by: Actor, charger: str, command_id: str, outcome: dict[str, Any]
) -> None:
    """Note what the charger answered, or why it was not sent (``unsent``).

    In a write transaction: only the first outcome is noted.
    """
    rows = await connection.execute(_IS_NOTED, {"charger": charger, "id": command_id})
    if rows.rowcount == 0:
        details = {"id": command_id, **{name: [None, value] for name, value in outcome.items()}}
        await _note(connection, by, charger, "changed", details)


async def _note(
    connection: Connection, by: Actor, charger: str, action: str, details: dict[str, Any]
) -> None:
    words = {"who": by.name, "action": action, "charger": charger, "details": Jsonb(details)}
    await connection.execute(_NOTE, words)
