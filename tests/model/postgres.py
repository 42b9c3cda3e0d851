"""What Postgres would say about devices and pairings, without Postgres."""

import contextlib
import copy
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from services.registry.directory.snapshot import ChargerEntry, SecretsEntry, WidgetEntry, Write
from shared.contract.devices import Kind
from shared.contract.doorbells import Revision


@dataclass
class Row:
    number: int
    registered_number: int
    partner: str | None = None


@dataclass
class Pairing:
    """A pairing, also one that is over."""

    number: int
    charger: str
    widget: str
    paired_at: float
    moment: int
    """When it was committed, in the model's own order of events."""
    floor: Revision | None = None
    in_effect_at: int | None = None
    """When the charger's entry was first projected, in the same order."""
    floor_may_be_lost: bool = False
    """Whether Redis lost something before the floor was noted here."""


class Postgres:
    """Devices, pairings and their numbers."""

    def __init__(self) -> None:
        self.number = 0
        self.rows: dict[Kind, dict[str, Row]] = {Kind.CHARGER: {}, Kind.WIDGET: {}}
        self.unregistered: dict[Kind, dict[str, int]] = {Kind.CHARGER: {}, Kind.WIDGET: {}}
        self.pairings: dict[int, Pairing] = {}

    def pairing_of(self, charger: str) -> Pairing | None:
        row = self.rows[Kind.CHARGER].get(charger)
        return self.pairings[row.number] if row is not None and row.partner else None

    def charger_of(self, widget: str) -> str | None:
        row = self.rows[Kind.WIDGET].get(widget)
        return row.partner if row is not None else None

    def register(self, kind: Kind, device: str) -> None:
        self.number += 1
        self.unregistered[kind].pop(device, None)
        self.rows[kind][device] = Row(self.number, self.number)

    def unregister(self, kind: Kind, device: str) -> None:
        self.number += 1
        self._part(kind, device)
        del self.rows[kind][device]
        self.unregistered[kind][device] = self.number

    def pair(self, charger: str, widget: str, moment: int) -> Pairing:
        """Pair two; every device that this touches gets the new number, also those left alone."""
        self.number += 1
        self._part(Kind.CHARGER, charger)
        self._part(Kind.WIDGET, widget)
        pairing = Pairing(self.number, charger, widget, time.monotonic(), moment)
        self.pairings[self.number] = pairing
        self._join(Kind.CHARGER, charger, widget)
        self._join(Kind.WIDGET, widget, charger)
        return pairing

    def _join(self, kind: Kind, device: str, partner: str) -> None:
        row = self.rows[kind][device]
        row.number, row.partner = self.number, partner

    def _part(self, kind: Kind, device: str) -> None:
        row = self.rows[kind][device]
        if row.partner is None:
            return
        other = Kind.WIDGET if kind is Kind.CHARGER else Kind.CHARGER
        partner = self.rows[other][row.partner]
        row.partner = partner.partner = None
        row.number = partner.number = self.number

    @contextlib.asynccontextmanager
    async def take(self, _database: object) -> AsyncIterator["StepSnapshot"]:
        yield StepSnapshot(self)


class StepSnapshot:
    """All of it at one moment; says the same as `snapshot.Snapshot`."""

    def __init__(self, postgres: Postgres) -> None:
        self._number = postgres.number
        self._rows = copy.deepcopy(postgres.rows)
        self._unregistered = copy.deepcopy(postgres.unregistered)
        self._pairings = {number: copy.copy(p) for number, p in postgres.pairings.items()}

    async def greatest_number(self) -> int:
        return self._number

    async def secrets(self, kind: Kind, after: int, write: Write[SecretsEntry]) -> None:
        entries = [
            SecretsEntry(device, row.registered_number, [], registered_us=row.registered_number)
            for device, row in self._rows[kind].items()
            if row.registered_number > after
        ]
        if entries:
            await write(entries)

    async def widgets(self, after: int, write: Write[WidgetEntry]) -> None:
        entries = [
            WidgetEntry(device, row.number, row.partner)
            for device, row in self._rows[Kind.WIDGET].items()
            if row.number > after
        ]
        if entries:
            await write(entries)

    async def chargers(self, after: int, write: Write[ChargerEntry]) -> None:
        entries = [
            self._charger(device, row)
            for device, row in self._rows[Kind.CHARGER].items()
            if row.number > after
        ]
        if entries:
            await write(entries)

    async def unregistered_widgets(self, after: int, write: Write[WidgetEntry]) -> None:
        entries = [
            WidgetEntry(device, number, registered=False)
            for device, number in self._unregistered[Kind.WIDGET].items()
            if number > after
        ]
        if entries:
            await write(entries)

    async def unregistered_chargers(self, after: int, write: Write[ChargerEntry]) -> None:
        entries = [
            ChargerEntry(device, number, registered=False)
            for device, number in self._unregistered[Kind.CHARGER].items()
            if number > after
        ]
        if entries:
            await write(entries)

    def _charger(self, device: str, row: Row) -> ChargerEntry:
        now = time.monotonic()
        pairing = self._pairings[row.number] if row.partner else None
        return ChargerEntry(
            device,
            row.number,
            row.partner,
            floor=pairing.floor if pairing else None,
            age_us=round((now - pairing.paired_at) * 1_000_000) if pairing else 0,
            read_at=now,
        )
