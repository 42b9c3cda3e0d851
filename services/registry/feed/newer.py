"""Which of two tiles, or of two changes of a light, is newer: the others do no harm. No I/O.

What is read from Redis is mostly newer than what was read before, but not always: a promoted
replica may lack the last writes, until gateways store them again.
"""

from typing import Final

from services.registry.feed.tile import Found, LightChange, Row, Tile, light_since

_OF_THE_LIGHT: Final = (
    *("widget", "level", "light", "light_since"),
    *("ready", "pairing_number", "revision"),
)
"""What belongs together: of two tiles, these are all of the same one."""


def next_tile(known: Tile | None, found: Found, row: Row, change: LightChange | None) -> Tile:
    """Return the tile to show after the one that is known.

    Args:
        known: The tile that is shown; None: none is.
        found: What was read.
        row: What Postgres knows of it.
        change: What was heard of its light since.
    """
    if known is not None and not may_follow(known, found):
        return found.tile.model_copy(update={name: getattr(known, name) for name in _OF_THE_LIGHT})
    since = light_since(row, found, change, known)
    return found.tile.model_copy(update={"light_since": since})


def may_follow(known: Tile, found: Found) -> bool:
    """Tell whether a light may be shown in place of the one that is known."""
    tile = found.tile
    if tile.pairing_number is None or known.pairing_number is None:
        return True
    if tile.pairing_number != known.pairing_number:
        return tile.pairing_number > known.pairing_number
    if tile.revision is None or known.revision is None:
        return True  # dark: Redis has lost it, and nothing old must look current
    return tile.revision >= known.revision or [*(found.replaces or ())] == known.revision


def newer_change(known: LightChange | None, heard: LightChange) -> LightChange:
    """Return the newer one of two changes of a light, in whatever order they were heard."""
    return heard if known is None or heard.fence >= known.fence else known
