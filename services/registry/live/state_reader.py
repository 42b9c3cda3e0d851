"""Reads the live state of many devices in one round trip, and chargers' statuses in another."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from services.registry.live.redis_values import (
    Environment,
    RawCharger,
    RawWidget,
    RefusedItem,
    decode_live,
    is_intact,
    refused_items,
    score_to_us,
    widget_paired_with,
)
from shared.bus.batches import by_slot
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument
from shared.contract.connectors import charger_of, is_id_of
from shared.contract.devices import Kind
from shared.contract.names import AGREEMENTS, GATEWAYS, REFUSED, Names
from shared.contract.thresholds import agreed_thresholds
from shared.redis_state.values import LiveState

_DEADLINE_SECONDS: Final = 3.0
"""How long a request waits, including those before it in the queue."""

_ENVIRONMENT_COMMANDS: Final[list[Sequence[Argument]]] = [
    ["TIME"],
    ["ZRANGE", GATEWAYS, 0, -1, "WITHSCORES"],
    ["HGETALL", AGREEMENTS],
]


class StateReader:
    """Reads the live state of devices. It writes nothing.

    All methods raise `BusUnavailableError` while Redis is away.

    Args:
        bus: A connection of its own, so that it does not wait for projections.
    """

    def __init__(self, bus: Bus, names: Names) -> None:
        self._bus = bus
        self._names = names

    async def server_info(self) -> list[str]:
        """Return what each Redis server says of itself: ``INFO server``."""
        replies = await self._bus.on_each_server("INFO", "server")
        return [reply.decode(errors="replace") for reply in replies]

    async def instances(self) -> tuple[list[str], list[str]]:
        """Return the gateways that live, and the routers that work on a partition."""
        leases: list[Sequence[Argument]] = [["GET", each.lease] for each in self._names.chargers]
        async with _deadline():
            environment, owners = await self._read(leases)
        gateways = sorted(filter(environment.is_alive, environment.gateways))
        return gateways, sorted({each.decode(errors="replace") for each in owners if each})

    async def chargers(self, ids: Sequence[str]) -> tuple[list[RawCharger], Environment]:
        """Read chargers, in the order of their ids."""
        batches = by_slot(ids, lambda charger: self._names.of_charger(charger).partition)
        commands: list[Sequence[Argument]] = []
        for partition, batch in batches:
            names = self._names.chargers[partition]
            commands += [
                ["GET", names.directory_version],
                ["HLEN", names.directory],
                ["GET", names.lease],
                ["HMGET", names.directory, *batch],
                ["HMGET", names.live, *batch],
                ["HMGET", names.presence, *batch],
                ["HMGET", names.rejections, *batch],
                ["ZMSCORE", names.pending, *batch],
                ["HMGET", names.ocpp, *(charger_of(each) or each for each in batch)],
            ]
        async with _deadline():
            environment, replies = await self._read(commands)
            found: dict[str, RawCharger] = {}
            for index, (_, batch) in enumerate(batches):
                version, count, lease, *columns = replies[9 * index : 9 * index + 9]
                complete = is_intact(version, count)
                for charger, *values, ocpp in zip(batch, *columns, strict=True):
                    members = (charger, *values, complete, lease, None, ocpp)
                    found[charger] = RawCharger._make(members)
            widgets = {charger: widget_paired_with(raw.entry) for charger, raw in found.items()}
            statuses = await self._statuses([widget for widget in widgets.values() if widget])
        return [
            found[charger]._replace(status=statuses.get(widgets[charger] or "")) for charger in ids
        ], environment

    async def readings(self, ids: Sequence[str]) -> dict[str, LiveState]:
        """Return the live state of those chargers that have a reading."""
        batches = by_slot(ids, lambda charger: self._names.of_charger(charger).partition)
        commands: list[Sequence[Argument]] = [
            ["HMGET", self._names.chargers[number].live, *batch] for number, batch in batches
        ]
        async with _deadline():
            _, replies = await self._read(commands)
        found = (
            (charger, decode_live(raw))
            for (_, batch), values in zip(batches, replies, strict=True)
            for charger, raw in zip(batch, values, strict=True)
        )
        return {charger: live for charger, live in found if live.revision}

    async def count_known_chargers(self) -> list[int]:
        """Return how many chargers gateways know of, of each partition: offline ones, too."""
        commands: list[Sequence[Argument]] = [["HLEN", n.presence] for n in self._names.chargers]
        async with _deadline():
            _, counts = await self._read(commands)
        return [count or 0 for count in counts]

    async def some_known_chargers(self, shares: Mapping[int, int]) -> list[str]:
        """Return chargers that gateways know of, at random: so many of each partition."""
        commands: list[Sequence[Argument]] = [
            ["HRANDFIELD", self._names.chargers[number].presence, share]
            for number, share in shares.items()
        ]
        async with _deadline():
            _, found = await self._read(commands)
        ids = (each.decode(errors="replace") for some in found for each in some or ())
        return [each for each in ids if is_id_of(Kind.CHARGER, each)]

    async def widgets(self, ids: Sequence[str]) -> tuple[list[RawWidget], Environment]:
        """Read widgets, in the order of their ids."""
        batches = by_slot(ids, lambda widget: self._names.of_widget(widget).partition)
        commands: list[Sequence[Argument]] = []
        for partition, batch in batches:
            names = self._names.widgets[partition]
            commands += [
                ["GET", names.directory_version],
                ["HLEN", names.directory],
                ["HMGET", names.directory, *batch],
                ["HMGET", names.presence, *batch],
                ["HMGET", names.rejections, *batch],
                ["HMGET", names.statuses, *batch],
            ]
        async with _deadline():
            environment, replies = await self._read(commands)
        found: dict[str, RawWidget] = {}
        for index, (_, batch) in enumerate(batches):
            version, count, *columns = replies[6 * index : 6 * index + 6]
            complete = is_intact(version, count)
            for widget, *values in zip(batch, *columns, strict=True):
                found[widget] = RawWidget._make((widget, *values, complete))
        return [found[widget] for widget in ids], environment

    async def refused(self) -> list[RefusedItem]:
        """Read who could not connect lately."""
        async with _deadline():
            _, (found,) = await self._read([["HGETALL", REFUSED]])
        return refused_items(dict(zip(found[::2], found[1::2], strict=True)))

    def partition_of(self, charger: str) -> int:
        """Return the number of a charger's partition."""
        return self._names.of_charger(charger).partition

    async def _read(
        self, commands: Sequence[Sequence[Argument]]
    ) -> tuple[Environment, Sequence[Any]]:
        asked = [*_ENVIRONMENT_COMMANDS, *commands]
        answers = await self._bus.commands(asked, return_errors=True)
        broken: list[str] = []
        found: list[Any] = []
        for words, reply in zip(asked, answers, strict=True):
            is_broken = isinstance(reply, ResponseError)
            found.append(_empty_reply(words) if is_broken else reply)
            if is_broken:
                broken.append(str(words[1]))
        (seconds, micros), members, agreed, *replies = found
        heard = {
            name.decode(errors="replace"): score_to_us(at)
            for name, at in zip(members[::2], members[1::2], strict=True)
        }
        now = int(seconds) * 1_000_000 + int(micros)
        thresholds = agreed_thresholds(dict(zip(agreed[::2], agreed[1::2], strict=True)))
        return Environment(now, heard, tuple(broken), thresholds), replies

    async def _statuses(self, widgets: Sequence[str]) -> dict[str, bytes | None]:
        batches = by_slot(widgets, lambda widget: self._names.of_widget(widget).partition)
        if not batches:
            return {}
        commands: list[Sequence[Argument]] = [
            ["HMGET", self._names.widgets[number].statuses, *batch] for number, batch in batches
        ]
        _, replies = await self._read(commands)
        return {
            widget: status
            for (_, batch), statuses in zip(batches, replies, strict=True)
            for widget, status in zip(batch, statuses, strict=True)
        }


def _empty_reply(words: Sequence[Argument]) -> Any:
    """Return a command's reply for a key that does not exist.

    It replaces the error for a key of another type, which must not fail a request that
    only reads.
    """
    match words[0]:
        case "HMGET" | "ZMSCORE":
            return [None] * (len(words) - 2)
        case "ZRANGE" | "HGETALL":
            return []
        case _:
            return None


@contextlib.asynccontextmanager
async def _deadline() -> AsyncIterator[None]:
    """Count Redis as away if it takes too long."""
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            yield
    except TimeoutError as error:
        raise BusUnavailableError("Redis does not answer in time") from error
