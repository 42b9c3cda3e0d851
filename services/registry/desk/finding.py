"""Finds devices and rentals by what was scanned or typed."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple
from uuid import UUID

from psycopg.sql import SQL, Composed

from services.registry import spellings
from services.registry.desk.scanned import Scanned, Word
from services.registry.devices.lists import ListedDevice
from services.registry.postgres.database import Connection
from services.registry.postgres.queries import fetch_all
from services.registry.postgres.tables import IN_BOOTH, devices_table, pairing_columns
from services.registry.rentals import short_ids
from services.registry.rentals.rentals import COLUMNS, Rental
from shared.contract.devices import Kind

MOST: Final = 20
"""Of a kind: who types more of it finds the rest."""


class Fit(IntEnum):
    """How well a thing fits; the least is the best."""

    SAME = 0
    SPELLING = 1
    """It has other capitals or accents."""
    PART = 2


class FittingDevice(ListedDevice):
    """A device, and how well it fits."""

    fit: Fit
    exact: bool = False
    """Whether the text names it as a whole, and better than others of its kind."""


class FittingRental(Rental):
    """A rental, and how well it fits."""

    fit: Fit
    exact: bool = False
    """As of a device."""


class Found(NamedTuple):
    """What a text may stand for."""

    devices: dict[Kind, list[FittingDevice]]
    rentals: list[FittingRental]
    of_devices: list[Rental]
    """Rentals in which the devices are now: open, or without the widget back."""
    more: bool
    """Whether there are others."""

    def is_exact(self) -> bool:
        """Tell whether the text names anything as a whole."""
        is_device = any(each.exact for found in self.devices.values() for each in found)
        return is_device or any(each.exact for each in self.rentals)


# In the collation "C" of ids, lower() changes A to Z only, on every server.
_DEVICES: Final = SQL("""
    SELECT devices.id, label, location, booth, devices.pairing_number, registered_at, auth, canary,
           secrets_number, pairings.{partner} AS partner,
           CASE WHEN devices.id = %(word)s THEN 0
                WHEN lower(devices.id) = %(lower)s OR label ~ %(whole)s::text THEN 1
                ELSE 2 END AS fit
    FROM {devices} AS devices
    LEFT JOIN pairings ON pairings.{own} = devices.id
    WHERE NOT canary
      AND {in_booth}
      AND (lower(devices.id) = %(lower)s OR devices.id ~ %(part)s::text
           OR label ~ %(part)s::text)
    ORDER BY fit, devices.id
    LIMIT %(rows)s
""")

_WAITS: Final = SQL(
    "(collected_at IS NULL OR (widget_returned_at IS NULL AND widget_id IS NOT NULL))"
)

# What is over is found by its whole name only.
_RENTALS: Final = SQL("""
    SELECT *
    FROM (
        SELECT {columns},
               CASE WHEN id = %(id)s::uuid OR opening_number = %(number)s::bigint
                         OR id = (SELECT rental FROM visitor_codes WHERE code = %(word)s)
                         OR ticket = %(word)s THEN 0
                    WHEN ticket ~ %(whole)s::text THEN 1
                    WHEN {waits} AND ticket ~ %(part)s::text THEN 2 END AS fit
        FROM rentals
        WHERE {in_booth}
    ) AS fitting
    WHERE fit IS NOT NULL
    ORDER BY fit, collected_at IS NOT NULL, opening_number DESC
    LIMIT %(rows)s
""").format(columns=COLUMNS, waits=_WAITS, in_booth=IN_BOOTH)

_OF_DEVICES: Final = SQL("""
    SELECT {columns}
    FROM rentals
    WHERE {in_booth}
      AND ((charger_id = ANY(%(chargers)s::text[]) AND collected_at IS NULL)
           OR (widget_id = ANY(%(widgets)s::text[]) AND {waits}))
    ORDER BY collected_at IS NOT NULL, opening_number DESC
""").format(columns=COLUMNS, waits=_WAITS, in_booth=IN_BOOTH)


async def find(connection: Connection, scanned: Scanned, booth: str | None) -> Found:
    """Return what a text may stand for, the best of each kind first.

    Args:
        connection: To read with.
        scanned: What was scanned or typed.
        booth: Only there, by its id; empty: in none; None: anywhere.
    """
    found = Found({}, [], [], more=False)
    for word in scanned.words:
        found = await _find(connection, word, booth, is_part=scanned.is_part)
        if found.is_exact():
            break
    return found


async def _find(connection: Connection, word: Word, booth: str | None, *, is_part: bool) -> Found:
    text = word.text
    values: dict[str, object] = {
        "word": text,
        "lower": text.lower(),
        "whole": spellings.equal_to(text) if is_part else None,
        "part": spellings.containing(text) if is_part else None,
        "booth": booth,
        "rows": MOST + 1,
    }
    devices = {
        kind: await fetch_all(connection, FittingDevice, _devices_query(kind), values)
        for kind in Kind
        if word.kind in (None, kind)
    }
    rentals: list[FittingRental] = []
    if word.kind is None:
        values |= _rental_named(text)
        rentals = await fetch_all(connection, FittingRental, _RENTALS, values)
    more = max(*(len(each) for each in devices.values()), len(rentals)) > MOST
    for fitting in devices.values():
        _mark_best(fitting)
        del fitting[MOST:]
    _mark_best(rentals)
    values = {
        "booth": booth,
        "chargers": [each.id for each in devices.get(Kind.CHARGER, ())],
        "widgets": [each.id for each in devices.get(Kind.WIDGET, ())],
    }
    of_devices = await fetch_all(connection, Rental, _OF_DEVICES, values)
    return Found(devices, rentals[:MOST], of_devices, more=more)


def _devices_query(kind: Kind) -> Composed:
    own, partner = pairing_columns(kind)
    return _DEVICES.format(devices=devices_table(kind), own=own, partner=partner, in_booth=IN_BOOTH)


def _mark_best(things: Sequence[FittingDevice] | Sequence[FittingRental]) -> None:
    """Mark those that fit best, unless the text is only a part of theirs."""
    best = min((each.fit for each in things), default=Fit.PART)
    for each in things:
        each.exact = each.fit == best < Fit.PART


def _rental_named(text: str) -> dict[str, UUID | int | None]:
    """Return which rental a text names, if it can be an id of one."""
    try:
        which = short_ids.decode(text)
    except ValueError:
        which = None
    is_long = isinstance(which, UUID)
    return {"id": which if is_long else None, "number": None if is_long else which}
