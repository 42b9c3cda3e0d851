"""What is in Redis, as a gateway or a router finds it, and what they would put there."""

import json
from typing import Any

from shared.bus.bus import Bus
from shared.contract.devices import Kind
from shared.contract.names import ChargerNames, Names, WidgetNames


class InRedis:
    """Looks and writes past the registry."""

    def __init__(self, bus: Bus, names: Names) -> None:
        self._bus = bus
        self._names = names

    async def charger(self, charger: str) -> dict[str, Any] | None:
        raw = await self._bus.command("HGET", self._names.of_charger(charger).directory, charger)
        return None if raw is None else json.loads(raw)

    async def widget(self, widget: str) -> dict[str, Any] | None:
        raw = await self._bus.command("HGET", self._names.of_widget(widget).directory, widget)
        return None if raw is None else json.loads(raw)

    async def credentials(self, device: str, kind: Kind = Kind.CHARGER) -> dict[str, Any] | None:
        """What gateways compare, without when the device was registered."""
        raw = await self._bus.command("HGET", self._tag(kind, device).credentials, device)
        if raw is None:
            return None
        found: dict[str, Any] = json.loads(raw)
        del found["registered"]
        return found

    async def set_traces(self, kind: Kind, device: str) -> None:
        """What gateways note of a device."""
        tag = self._tag(kind, device)
        await self._bus.command("HSET", tag.presence, device, "{}")
        await self._bus.command("HSET", tag.rejections, device, "{}")
        if isinstance(tag, ChargerNames):
            await self._bus.command("HSET", tag.transactions, device, "[]")
            await self._bus.command("HSET", tag.ocpp, device, "{}")

    async def traces(self, kind: Kind, device: str) -> list[str]:
        """What is there of what `set_traces` writes."""
        tag = self._tag(kind, device)
        keys = [tag.presence, tag.rejections]
        keys += [tag.transactions, tag.ocpp] if isinstance(tag, ChargerNames) else []
        return [key for key in keys if await self._bus.command("HEXISTS", key, device)]

    def _tag(self, kind: Kind, device: str) -> ChargerNames | WidgetNames:
        if kind is Kind.CHARGER:
            return self._names.of_charger(device)
        return self._names.of_widget(device)

    async def set_reading(self, charger: str, epoch: int, sequence: int) -> None:
        live = {
            "epoch": epoch,
            "revision": [epoch, sequence],
            "soc": 50,
            "received_at": epoch,
            "mark": "",
        }
        await self.set_live(charger, live)

    async def set_live(self, charger: str, live: dict[str, Any]) -> None:
        key = self._names.of_charger(charger).live
        await self._bus.command("HSET", key, charger, json.dumps(live))

    async def live(self, charger: str) -> bytes | None:
        found: bytes | None = await self._bus.command(
            "HGET", self._names.of_charger(charger).live, charger
        )
        return found

    async def is_pending(self, charger: str) -> bool:
        key = self._names.of_charger(charger).pending
        return await self._bus.command("ZSCORE", key, charger) is not None

    async def set_pending(self, charger: str) -> None:
        await self._bus.command("ZADD", self._names.of_charger(charger).pending, 1, charger)

    async def set_status(self, widget: str) -> None:
        await self._bus.command("HSET", self._names.of_widget(widget).statuses, widget, "{}")

    async def has_status(self, widget: str) -> bool:
        key = self._names.of_widget(widget).statuses
        return bool(await self._bus.command("HEXISTS", key, widget))

    async def set_charger(self, charger: str, entry: dict[str, Any]) -> None:
        key = self._names.of_charger(charger).directory
        await self._bus.command("HSET", key, charger, json.dumps(entry))

    async def versions(self) -> list[int | None]:
        tags: list[ChargerNames | WidgetNames] = [*self._names.chargers, *self._names.widgets]
        found = await self._bus.commands([("GET", tag.directory_version) for tag in tags])
        return [None if version is None else int(version.partition(b":")[0]) for version in found]

    async def version_of_charger(self, charger: str) -> int | None:
        found = await self._bus.command("GET", self._names.of_charger(charger).directory_version)
        return None if found is None else int(found.partition(b":")[0])

    async def now_us(self) -> int:
        seconds, micros = await self._bus.command("TIME")
        return int(seconds) * 1_000_000 + int(micros)

    async def empty(self) -> None:
        await self._bus.on_each_server("FLUSHALL")
