"""Lists in pages: by key, not by offset, so that changes meanwhile do not shift the items."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

from services.registry.api.problems import ProblemError

MAX_ITEMS: Final = 1000
"""Items of a page."""

Item = TypeVar("Item")
Row = TypeVar("Row")

Limit = Annotated[
    int, Query(ge=1, le=MAX_ITEMS, description="Most items to return", examples=[100])
]
"""Items of a page; 100 by default."""

Cursor = Annotated[
    str | None,
    Query(
        max_length=1000,
        description="Where to go on: `next` of the page before",
        examples=["WyJjMTIzNCJd"],
    ),
]

Position = tuple[str | int, ...]
"""The sort key of the last row on a page."""


class Page(BaseModel, Generic[Item]):
    """A part of a list.

    The ``response_model`` of each list is a class of its own, for its name in the document.
    """

    items: list[Item] = Field(description="Its items, in the order of the list")
    next: str | None = Field(
        description="Pass it as `cursor` for the items after these; null: there are none",
        examples=["WyJjMTIzNCJd"],
    )


def encode(*position: str | int) -> str:
    """Return a cursor; it is opaque to clients, who pass it back as it is."""
    raw = json.dumps(position, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(cursor: str | None, *types: type[str | int]) -> Position | None:
    """Return the position, with parts of these types, that a client's cursor stands for.

    None stands for the beginning.

    Raises:
        ProblemError: `encode` did not make it for such a list (422).
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        position = json.loads(raw)
        # Not isinstance: a bool is an int by class.
        if (
            type(position) is list
            and [type(part) for part in position] == list(types)
            and not _unusable(position)
        ):
            return tuple(position)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        pass
    raise ProblemError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "cursor: not one that this list gave out. Pass `next` of the page before, or leave it out",
    )


def id_in(cursor: str | None) -> str:
    """Return the id that a list by ids goes on after; empty: from the beginning."""
    position = decode(cursor, str)
    return str(position[0]) if position else ""


def number_in(cursor: str | None) -> int | None:
    """Return the number that a list by numbers goes on after; None: from the beginning."""
    position = decode(cursor, int)
    return int(position[0]) if position else None


def _unusable(position: Sequence[str | int]) -> bool:
    """Tell whether Postgres would refuse it: a NUL, half a surrogate pair, too great a number."""
    texts = [part for part in position if isinstance(part, str)]
    numbers = [part for part in position if isinstance(part, int)]
    return any("\x00" in text or not _is_utf8(text) for text in texts) or any(
        abs(number) >= 2**63 for number in numbers
    )


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def page(
    rows: Sequence[Row],
    limit: int,
    represent: Callable[[Row], Item],
    position_of: Callable[[Row], Position],
) -> Page[Item]:
    """Make a page of at most ``limit`` rows; one more row says that there is a next page."""
    items = rows[:limit]
    more = len(rows) > limit
    return Page(
        items=[represent(row) for row in items],
        next=encode(*position_of(items[-1])) if more else None,
    )
