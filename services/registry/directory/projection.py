"""Writes the directory into Redis: one script call per tag, in any order, any number of times.

The scripts compare the pairing numbers of entries, so registries may work at the same
time, late or twice without harm.
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from services.registry.directory import scripts
from services.registry.directory.snapshot import CHUNK, ChargerEntry, SecretsEntry, WidgetEntry
from shared.bus.batches import parts
from shared.bus.bus import Bus
from shared.bus.script import Argument, Call
from shared.contract.connectors import is_id_of
from shared.contract.devices import Kind
from shared.contract.names import ChargerNames, Names, WidgetNames

_PROMPT_SECONDS: Final = 0.1
"""An exchange with Redis that takes longer dates pairings too late by more than matters."""


Tag = TypeVar("Tag", ChargerNames, WidgetNames)


class Written(NamedTuple):
    """What became of entries."""

    changed: int
    """How many changed."""
    refused: list[str]
    """Ids of devices of which Redis has something newer, or something else under the same
    number. Another registry may have been faster, or Postgres lost changes."""


class Projection:
    """The directory in Redis.

    All methods raise `BusUnavailableError` while Redis is away; call them again then.

    Args:
        bus: Redis, on a connection of its own: another user would reconnect it unnoticed
            in the middle of a full projection.
        clock: In seconds; the clock of ``ChargerEntry.read_at``.
    """

    def __init__(self, bus: Bus, names: Names, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._names = names
        self._tags: list[ChargerNames | WidgetNames] = [*names.widgets, *names.chargers]
        self._clock = clock

    async def is_complete(self) -> bool:
        """Tell whether every tag has its directory, as it was written.

        Redis may have been emptied, or entries may have been removed by hand.
        """
        calls = [
            Call(scripts.CHECK, (tag.directory, tag.directory_version, tag.credentials), [])
            for tag in self._tags
        ]
        return all(is_intact for (is_intact,) in await self._bus.run(calls))

    async def write_secrets(self, kind: Kind, entries: Iterable[SecretsEntry]) -> Written:
        """Bring these devices' credentials up to date.

        Call it before the entries are written: a registered device must never connect
        without its secret, nor with one of an earlier registration.
        """
        tag_of = self._names.of_widget if kind is Kind.WIDGET else self._names.of_charger
        arguments: dict[ChargerNames | WidgetNames, list[Argument]] = defaultdict(list)
        for entry in entries:
            arguments[tag_of(entry.id)] += [
                entry.id,
                entry.secrets_number,
                entry.registered_us,
                json.dumps(entry.digests, separators=(",", ":")),
                entry.auth,
                entry.full_when,
            ]
        calls = [
            Call(scripts.PROJECT_SECRETS, _keys_of_secrets(tag), [tag.directory_changes, *items])
            for tag, items in arguments.items()
        ]
        return _written(await self._bus.run(calls))

    async def write_widgets(self, entries: Iterable[WidgetEntry]) -> Written:
        """Bring these widgets' entries up to date."""
        arguments: dict[WidgetNames, list[Argument]] = defaultdict(list)
        for entry in entries:
            arguments[self._names.of_widget(entry.id)] += [
                entry.id,
                entry.pairing_number,
                _registration_word(entry.registered),
                entry.charger or "",
            ]
        calls = [
            Call(
                scripts.PROJECT_WIDGETS,
                (tag.directory, tag.directory_version, tag.statuses, *_device_keys(tag)),
                [tag.directory_changes, tag.presence_changes, *items],
            )
            for tag, items in arguments.items()
        ]
        return _written(await self._bus.run(calls))

    async def write_chargers(self, entries: Sequence[ChargerEntry]) -> Written:
        """Bring these chargers' entries up to date.

        Write a widget's entry before its charger's: a status that the charger's new entry
        leads to must find the widget's new number, and one that the old entry led to must
        not.

        Pairings are dated by Redis' clock, counted back from when the script runs: too late
        by as long as it took to get there. If that was long (Redis stood still, say), they
        are written again, which only ever makes them older.
        """
        sent = self._clock()
        written = await self._write_chargers(entries)
        if self._clock() - sent > _PROMPT_SECONDS and any(entry.widget for entry in entries):
            await self._write_chargers(entries)
        return written

    async def _write_chargers(self, entries: Sequence[ChargerEntry]) -> Written:
        now = self._clock()
        arguments: dict[ChargerNames, list[Argument]] = defaultdict(list)
        for entry in entries:
            arguments[self._names.of_charger(entry.id)] += [
                entry.id,
                entry.pairing_number,
                _registration_word(entry.registered),
                entry.widget or "",
                entry.token,
                max(entry.age_us, 0) + round((now - entry.read_at) * 1_000_000),
            ]
        calls = [
            Call(
                scripts.PROJECT_CHARGERS,
                (
                    tag.directory,
                    tag.directory_version,
                    tag.live,
                    tag.pending,
                    *_device_keys(tag),
                    tag.transactions,
                    tag.ocpp,
                ),
                [tag.directory_changes, tag.presence_changes, *items],
            )
            for tag, items in arguments.items()
        ]
        return _written(await self._bus.run(calls))

    async def remove_strays(
        self, widgets: Collection[str], chargers: Collection[str], greatest_number: int
    ) -> dict[Kind, Written]:
        """Remove entries that a snapshot does not have.

        Args:
            widgets: Ids of all registered widgets (a set).
            chargers: Ids of all registered chargers (a set).
            greatest_number: The snapshot's greatest pairing number; newer entries stay.

        Returns:
            What became of them. Those that were registered, or are newer, count as refused.
        """
        return {
            Kind.WIDGET: await self._remove_strays(
                self._names.widgets, self._names.of_widget, widgets, greatest_number
            ),
            Kind.CHARGER: await self._remove_strays(
                self._names.chargers, self._names.of_charger, chargers, greatest_number
            ),
        }

    async def _remove_strays(
        self,
        tags: Sequence[Tag],
        tag_of: Callable[[str], Tag],
        known: Collection[str],
        greatest_number: int,
    ) -> Written:
        calls: list[Call] = []
        foreign: set[str] = set()
        for tag, found in zip(tags, await self._ids(tags), strict=True):
            # An id in a tag that is not its own is a stray too: there once were more
            # partitions, or fewer.
            elsewhere = {i for i in found if not is_id_of(Kind.CHARGER, i) or tag_of(i) != tag}
            calls += _removal_calls(
                tag, greatest_number, [i for i in found if i not in known or i in elsewhere]
            )
            foreign |= elsewhere
        written = _written(await self._bus.run(calls))
        return Written(written.changed, [i for i in written.refused if i not in foreign])

    async def greatest_number(self) -> int:
        """Return the greatest number of pairings and credentials in Redis; 0 without any."""
        calls = [Call(scripts.GREATEST, (tag.directory, tag.credentials), []) for tag in self._tags]
        return max(map(int, await self._bus.run(calls)))

    async def complete(self, widgets: Collection[str], chargers: Collection[str]) -> bool:
        """Set every tag's marker: from now on, a device without an entry is not registered.

        Args:
            widgets: Ids that were written.
            chargers: Ids that were written.

        Returns:
            Whether all were set. If not, Redis lost entries, and all must be written
            again.
        """
        names = self._names
        expected = Counter[ChargerNames | WidgetNames](names.of_widget(i) for i in widgets)
        expected.update(names.of_charger(i) for i in chargers)
        replies = await self._bus.run(
            [
                Call(
                    scripts.COMPLETE,
                    (tag.directory, tag.directory_version, tag.credentials),
                    [tag.directory_changes, expected[tag]],
                )
                for tag in self._tags
            ]
        )
        return all(replies)

    async def _ids(self, tags: Sequence[ChargerNames | WidgetNames]) -> list[list[str]]:
        # Credentials may stray alone: written late, after the device was removed.
        entries = await self._bus.commands([("HKEYS", tag.directory) for tag in tags])
        credentials = await self._bus.commands([("HKEYS", tag.credentials) for tag in tags])
        return [
            # Anything can be written with redis-cli; what is no text is a stray as well.
            [raw.decode(errors="surrogateescape") for raw in {*of_entries, *of_credentials}]
            for of_entries, of_credentials in zip(entries, credentials, strict=True)
        ]


def _written(replies: Iterable[list[Any]]) -> Written:
    """Join the replies of scripts that write entries."""
    changed, refused = 0, list[str]()
    for count, *ids in replies:
        changed += count
        refused += [raw.decode(errors="surrogateescape") for raw in ids]
    return Written(changed, refused)


def _registration_word(registered: bool) -> str:  # noqa: FBT001 - the value is what is written
    return "registered" if registered else "unregistered"


def _device_keys(tag: ChargerNames | WidgetNames) -> tuple[str, str, str]:
    """Return the keys of what ends with a registration, in the scripts' order."""
    return tag.credentials, tag.presence, tag.rejections


def _keys_of_secrets(tag: ChargerNames | WidgetNames) -> tuple[str, ...]:
    live = (tag.live,) if isinstance(tag, ChargerNames) else ()
    return tag.credentials, tag.directory_version, *live


def _removal_calls(
    tag: ChargerNames | WidgetNames, greatest_number: int, strays: Sequence[str]
) -> list[Call]:
    own = (
        (tag.live, tag.pending, tag.transactions, tag.ocpp)
        if isinstance(tag, ChargerNames)
        else (tag.statuses,)
    )
    keys = (tag.directory, tag.directory_version, *_device_keys(tag), *own)
    return [
        Call(
            scripts.REMOVE_STRAYS,
            keys,
            [tag.directory_changes, greatest_number, *part],
        )
        for part in parts([i.encode(errors="surrogateescape") for i in strays], CHUNK)
    ]
