"""What Postgres would say about devices and pairings, without Postgres."""

import contextlib
import copy
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, replace

from services.registry.directory import lost_changes
from services.registry.directory.snapshot import ChargerEntry, SecretsEntry, WidgetEntry, Write
from shared.contract.devices import Kind
from tests.model.clocks import Clocks
from tests.model.steps import StepEvent


@dataclass(eq=False)
class Pairing:
    """A pairing, also one that is over."""

    number: int
    token: str
    charger: str
    widget: str
    paired_us: int
    """By Postgres' clock."""
    moment: int
    """When it was committed, in the model's own order of events."""
    in_effect_at: int | None = None
    """When the charger's entry was first projected, in the same order."""

    @property
    def mark(self) -> str:
        return f"{self.number}-{self.token}"


@dataclass
class Row:
    number: int
    secrets_number: int
    registered_at: int
    partner: str | None = None
    pairing: Pairing | None = None


@dataclass
class Tables:
    """What a backup holds."""

    rows: dict[Kind, dict[str, Row]]
    unregistered: dict[Kind, dict[str, int]]
    last_token: str = ""
    """Drawn with the last number."""

    def copy(self) -> "Tables":
        """Return the same; pairings are not copied, they only begin and end."""
        rows = {
            kind: {i: replace(row) for i, row in each.items()} for kind, each in self.rows.items()
        }
        return Tables(rows, copy.deepcopy(self.unregistered), self.last_token)


class Postgres:
    """Devices, pairings and their numbers.

    Args:
        clocks: For the times of pairings.
        next_moment: Counts what is committed in the model's own order of events.
    """

    def __init__(self, clocks: Clocks, next_moment: Callable[[], int]) -> None:
        self.clocks = clocks
        self._next_moment = next_moment
        self.number = 0
        self._tokens = 0
        self.tables = Tables(
            {Kind.CHARGER: {}, Kind.WIDGET: {}}, {Kind.CHARGER: {}, Kind.WIDGET: {}}
        )
        self.pairings: list[Pairing] = []
        """All that ever were, also those that a restore made undone."""
        self._unlocked = StepEvent()
        self._unlocked.set()

    @property
    def is_locked(self) -> bool:
        """Whether a transaction is on its way that all others wait for."""
        return not self._unlocked.is_set()

    @property
    def rows(self) -> dict[Kind, dict[str, Row]]:
        return self.tables.rows

    def pairing_of(self, charger: str) -> Pairing | None:
        row = self.rows[Kind.CHARGER].get(charger)
        return row.pairing if row is not None else None

    def charger_of(self, widget: str) -> str | None:
        row = self.rows[Kind.WIDGET].get(widget)
        return row.partner if row is not None else None

    def register(self, kind: Kind, device: str) -> None:
        number = self._draw()
        self.tables.unregistered[kind].pop(device, None)
        self.rows[kind][device] = Row(number, number, registered_at=self._next_moment())

    def unregister(self, kind: Kind, device: str) -> None:
        self._draw()
        self._part(kind, device)
        del self.rows[kind][device]
        self.tables.unregistered[kind][device] = self.number

    def pair(self, charger: str, widget: str) -> None:
        """Pair two; every device that this touches gets the new number, also those left alone."""
        self._draw()
        self._part(Kind.CHARGER, charger)
        self._part(Kind.WIDGET, widget)
        self._join(charger, widget)

    def renumber(self, chargers: Collection[str], widgets: Collection[str]) -> int:
        """Do the same as the function of that name in Postgres."""
        self._draw()
        touched = {charger for charger in chargers if charger in self.rows[Kind.CHARGER]}
        touched |= {charger for widget in widgets if (charger := self.charger_of(widget))}
        for charger in touched:
            row = self.rows[Kind.CHARGER][charger]
            if row.partner is not None:
                self._join(charger, row.partner)
                self.rows[Kind.WIDGET][row.partner].secrets_number = self.number
            row.number = row.secrets_number = self.number
        for kind, devices in ((Kind.CHARGER, chargers), (Kind.WIDGET, widgets)):
            for device in devices:
                if device in self.rows[kind]:
                    row = self.rows[kind][device]
                    row.number = row.secrets_number = self.number
                else:
                    self.tables.unregistered[kind][device] = self.number
        return self.number

    def greatest(self) -> int:
        """Return the greatest number that is in the tables."""
        return _greatest(self.tables)

    def _draw(self) -> int:
        self.number += 1
        self.tables.last_token = self._token()
        return self.number

    def _token(self) -> str:
        # No token is ever drawn twice, numbers are.
        self._tokens += 1
        return f"{self._tokens:016x}"

    def _join(self, charger: str, widget: str) -> None:
        now = self.clocks.postgres_us()
        pairing = Pairing(self.number, self._token(), charger, widget, now, self._next_moment())
        self.pairings.append(pairing)
        for kind, device, partner in (
            (Kind.CHARGER, charger, widget),
            (Kind.WIDGET, widget, charger),
        ):
            row = self.rows[kind][device]
            row.number, row.partner, row.pairing = self.number, partner, pairing

    def _part(self, kind: Kind, device: str) -> None:
        row = self.rows[kind][device]
        if row.partner is None:
            return
        other = Kind.WIDGET if kind is Kind.CHARGER else Kind.CHARGER
        partner = self.rows[other][row.partner]
        row.partner = partner.partner = None
        row.pairing = partner.pairing = None
        row.number = partner.number = self.number

    # What the registry's code asks of its database.

    @contextlib.asynccontextmanager
    async def take(self, _database: object) -> AsyncIterator["StepSnapshot"]:
        yield StepSnapshot(self)

    @contextlib.asynccontextmanager
    async def write_transaction(self, _by: object, _seconds: float) -> AsyncIterator["Postgres"]:
        await self._unlocked.wait()
        self._unlocked.clear()
        try:
            yield self
        finally:
            self._unlocked.set()

    async def execute(self, query: object, values: Mapping[str, int]) -> None:
        """Run one of the statements of `lost_changes` that return nothing."""
        if query is lost_changes._MOVE:
            self.number = values["number"]

    async def fetch_value(
        self, query: object, values: Mapping[str, list[str]] | None = None
    ) -> int:
        """Run one of those that return a number."""
        if query is lost_changes._LAST_DRAWN:
            return self.number
        assert query is lost_changes._RENUMBER, query
        assert values is not None
        return self.renumber(values["chargers"], values["widgets"])


class StepSnapshot:
    """All of it at one moment; says the same as `snapshot.Snapshot`."""

    def __init__(self, postgres: Postgres, only: Collection[str] | None = None) -> None:
        self._clocks = postgres.clocks
        self._tables = tables = postgres.tables.copy()
        if only is not None:
            for kind in Kind:
                tables.rows[kind] = {i: r for i, r in tables.rows[kind].items() if i in only}
                ended = tables.unregistered[kind]
                tables.unregistered[kind] = {i: n for i, n in ended.items() if i in only}
        self._rows = tables.rows
        self._unregistered = tables.unregistered

    async def greatest_number(self) -> int:
        return _greatest(self._tables)

    async def last_token(self) -> str:
        return self._tables.last_token

    async def secrets(self, kind: Kind, after: int, write: Write[SecretsEntry]) -> None:
        entries = [
            SecretsEntry(device, row.secrets_number, [], registered_us=row.registered_at)
            for device, row in self._rows[kind].items()
            if row.secrets_number > after
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
        pairing = row.pairing
        age_us = self._clocks.postgres_us() - pairing.paired_us if pairing else 0
        return ChargerEntry(
            device,
            row.number,
            row.partner,
            token=pairing.token if pairing else "",
            age_us=age_us,
            read_at=self._clocks.monotonic(),
        )


def _greatest(tables: Tables) -> int:
    numbers = [0]
    for kind in Kind:
        numbers += [max(row.number, row.secrets_number) for row in tables.rows[kind].values()]
        numbers += tables.unregistered[kind].values()
    return max(numbers)
