"""Booths in Postgres: the places of a festival, each with devices of its own."""

from datetime import datetime
from typing import Final

from pydantic import BaseModel, Field

from services.registry import spellings
from services.registry.errors import BoothExistsError, BoothInUseError, NoSuchBoothError
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all, fetch_changed, fetch_one, fetch_value


class Booth(BaseModel):
    """A place with devices of its own."""

    id: str = Field(
        description="Its id; devices, keys and filters name it", examples=["main-stage"]
    )
    name: str = Field(description="What people call it", examples=["Main stage"])
    created_at: datetime = Field(description="When it was made")


class CountedBooth(Booth):
    """A booth, and how many devices are in it."""

    chargers: int = Field(description="Chargers in it, without canaries", examples=[40])
    widgets: int = Field(description="Widgets in it, without canaries", examples=[44])


_FIND: Final = "SELECT id, name, created_at FROM booths WHERE id = %(id)s"

_LIST: Final = """
    SELECT id, name, created_at,
           (SELECT count(*) FROM chargers WHERE booth = booths.id AND NOT canary) AS chargers,
           (SELECT count(*) FROM widgets WHERE booth = booths.id AND NOT canary) AS widgets
    FROM booths
    WHERE id > %(after)s AND (%(only)s::text IS NULL OR id = %(only)s)
    ORDER BY id
    LIMIT %(rows)s
"""

_SAME_NAME: Final = """
    SELECT id, name, created_at
    FROM booths
    WHERE name ~ %(spellings)s AND id IS DISTINCT FROM %(but)s
    LIMIT 1
"""

_INSERT: Final = """
    INSERT INTO booths (id, name)
    VALUES (coalesce(%(id)s, free_booth_id(%(name)s)), %(name)s)
    RETURNING id, name, created_at
"""

_RENAME: Final = """
    UPDATE booths SET name = %(name)s WHERE id = %(id)s
    RETURNING id, name, created_at
"""

_DELETE: Final = "DELETE FROM booths WHERE id = %(id)s"

# Canaries too: their reference would be in the way.
_DEVICES_IN: Final = """
    SELECT (SELECT count(*) FROM chargers WHERE booth = %(id)s)
         + (SELECT count(*) FROM widgets WHERE booth = %(id)s)
"""
_KEYS_OF: Final = """
    SELECT string_agg(DISTINCT name, ', ' ORDER BY name)
    FROM api_keys
    WHERE booth = %(id)s AND revoked_at IS NULL
      AND (expires_at IS NULL OR expires_at > clock_timestamp())
"""


async def get(connection: Connection, booth_id: str) -> Booth:
    """Return a booth.

    Raises:
        NoSuchBoothError: There is none with this id.
    """
    found = await fetch_one(connection, Booth, _FIND, {"id": booth_id})
    if found is None:
        raise NoSuchBoothError(booth_id)
    return found


async def find_booths(
    connection: Connection, *, only: str | None = None, after: str = "", rows: int = 1
) -> list[CountedBooth]:
    """Return at most ``rows`` booths by their ids, from the first one behind ``after`` on."""
    values = {"only": only, "after": after, "rows": rows}
    return await fetch_all(connection, CountedBooth, _LIST, values)


async def create(connection: Connection, booth_id: str | None, name: str) -> Booth:
    """Make a booth; without an id, it gets one that is made of its name.

    Raises:
        BoothExistsError: There is one with this id or this name.
    """
    if booth_id and (known := await fetch_one(connection, Booth, _FIND, {"id": booth_id})):
        raise BoothExistsError(f"{known.id} is the id of the booth {known.name}. Take another one")
    await _require_free_name(connection, name)
    return await fetch_changed(connection, Booth, _INSERT, {"id": booth_id, "name": name})


async def rename(connection: Connection, booth_id: str, name: str) -> Booth:
    """Give a booth another name.

    Raises:
        NoSuchBoothError: There is none with this id.
        BoothExistsError: Another one has this name.
    """
    await get(connection, booth_id)
    await _require_free_name(connection, name, but=booth_id)
    return await fetch_changed(connection, Booth, _RENAME, {"id": booth_id, "name": name})


async def remove(connection: Connection, booth_id: str) -> None:
    """Remove an empty booth. What happened there keeps its id.

    Raises:
        NoSuchBoothError: There is none with this id.
        BoothInUseError: There are devices in it, or a valid key is limited to it.
    """
    await get(connection, booth_id)
    if devices := await fetch_value(connection, _DEVICES_IN, {"id": booth_id}):
        raise BoothInUseError(
            f"there are devices in {booth_id}: {devices}. Put them into another booth first, one "
            'by one with {"booth":"…"}, or all with an import'
        )
    if keys := await fetch_value(connection, _KEYS_OF, {"id": booth_id}):
        raise BoothInUseError(f"keys are limited to {booth_id}: of {keys}. Revoke them first")
    await connection.execute(_DELETE, {"id": booth_id})


async def _require_free_name(connection: Connection, name: str, *, but: str | None = None) -> None:
    """Refuse a name that another booth has, in any spelling."""
    values = {"spellings": spellings.equal_to(name), "but": but}
    known = await fetch_one(connection, Booth, _SAME_NAME, values)
    if known is not None:
        raise BoothExistsError(f"the booth {known.id} has the name {known.name} already")
