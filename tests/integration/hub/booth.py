"""Devices as tests see them, and Redis as the registry and an operator see it."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from shared.contract.names import ROUTERS, ChargerNames, Names, WidgetNames
from tests.fixtures import secured
from tests.fixtures.hub import connect_device

if TYPE_CHECKING:
    from redis.asyncio import Redis

SOON = 30.0
"""Seconds after which something that should happen at once has failed to (a liveness bound)."""

SCHEME = "wss" if secured.is_secured() else "ws"

CHARGING = '{"event":"chargingStatus","data":{"status":"charging"}}'
CHARGING80 = '{"event":"chargingStatus","data":{"status":"charging80"}}'
CHARGED = '{"event":"chargingStatus","data":{"status":"charged"}}'


def reading(state_of_charge: object) -> str:
    return json.dumps({"event": "StateOfCharge", "data": {"soc": state_of_charge}})


def compact(value: object) -> str:
    """JSON as the scripts write it."""
    return json.dumps(value, separators=(",", ":"))


def token(number: int) -> str:
    """The token of a pairing in these tests."""
    return f"{number:016x}"


def mark(number: int) -> str:
    """The mark of a pairing in these tests."""
    return f"{number}-{token(number)}"


def paired(number: int, widget: str, paired_at: int = 1) -> dict[str, Any]:
    """A charger's directory entry."""
    return {"pairing": number, "token": token(number), "paired_at": paired_at, "widget": widget}


async def received(device: ClientConnection) -> str:
    async with asyncio.timeout(SOON):
        message = await device.recv()
    assert isinstance(message, str)
    return message


async def soon(answer: Awaitable[object]) -> None:
    """Wait for an answer; fails after `SOON`."""
    async with asyncio.timeout(SOON):
        await answer


async def receipt(device: ClientConnection) -> None:
    """Return once everything that the charger sent is stored."""
    await soon(await device.ping())


async def close_code(device: ClientConnection) -> int:
    """With which code the hub closes the connection; what it sends before is skipped."""
    async with asyncio.timeout(SOON):
        with contextlib.suppress(ConnectionClosed):
            while True:
                await device.recv()
    assert device.close_code is not None
    return device.close_code


@dataclass(frozen=True)
class Booth:
    host: str
    charger_port: int
    widget_port: int
    stop: Callable[[], Awaitable[None]]
    authorization: str | None = None
    """What devices present that a test gives nothing to present; None: what the run asks for."""

    def charger(
        self,
        charger_id: str,
        authorization: str | None = None,
        subprotocol: str | None = None,
    ) -> connect:
        url = f"{SCHEME}://{self.host}:{self.charger_port}/chargers/{charger_id}"
        own = self.authorization if authorization is None else authorization
        return connect_device(url, own, subprotocol)

    def widget(self, widget_id: str, path: str = "widgets") -> connect:
        url = f"{SCHEME}://{self.host}:{self.widget_port}/{path}/{widget_id}"
        return connect_device(url, self.authorization)

    async def report(self, charger_id: str, state_of_charge: object) -> None:
        """Connect a charger, report a level, and leave with the receipt."""
        async with self.charger(charger_id) as device:
            await device.send(reading(state_of_charge))
            await receipt(device)


class Stored:
    """What is in Redis; the directory is written here, as the registry would."""

    def __init__(self, client: "Redis") -> None:
        self.client: Any = client
        self.names = Names(64)

    async def pair(
        self, charger: str, widget: str, number: int, *, seconds_ago: float | None = None
    ) -> None:
        """Write the entries of a pair (long ago, if not said): the widget's first."""
        await self.put_widget(widget, {"pairing": number, "charger": charger})
        paired_at = 1
        if seconds_ago is not None:
            paired_at = await self.now_us() - round(seconds_ago * 1_000_000)
        await self.put_charger(charger, paired(number, widget, paired_at))

    async def now_us(self) -> int:
        """Redis' time."""
        seconds, microseconds = await self.client.time()
        return int(seconds * 1_000_000 + microseconds)

    async def put_charger(self, charger: str, entry: dict[str, Any]) -> None:
        """Write a charger's entry and ring the doorbell."""
        names = self.names.of_charger(charger)
        await self.put_credentials(names, charger)
        await self._put(names, charger, entry)
        await self.client.publish(names.directory_changes, json.dumps({"ids": [charger]}))

    async def put_widget(self, widget: str, entry: dict[str, Any]) -> None:
        """Write a widget's entry, forget its status and ring the doorbell."""
        names = self.names.of_widget(widget)
        await self.put_credentials(names, widget)
        await self._put(names, widget, entry)
        await self.client.hdel(names.statuses, widget)
        await self.client.publish(names.directory_changes, json.dumps({"ids": [widget]}))

    async def put_credentials(
        self, names: ChargerNames | WidgetNames, device: str, *digests: str
    ) -> None:
        """Write what a device may prove with who it is; without digests, nothing is asked for."""
        value = json.dumps({"number": 1, "digests": digests or secured.digests(device)})
        if digests:
            await self.client.hset(names.credentials, device, value)
        else:
            await self.client.hsetnx(names.credentials, device, value)

    async def complete(self) -> None:
        """Say that the directory is there."""
        for names in (*self.names.chargers, *self.names.widgets):
            count = await self.client.hlen(names.directory)
            await self.client.set(names.directory_version, f"{time.time_ns()}:{count}")
            await self.client.publish(names.directory_changes, '{"ids":[]}')

    async def _put(
        self, names: ChargerNames | WidgetNames, device: str, entry: dict[str, Any]
    ) -> None:
        added = await self.client.hset(names.directory, device, compact(entry))
        version = await self.client.get(names.directory_version)
        if added and version is not None:
            number, count = map(int, version.split(b":"))
            await self.client.set(names.directory_version, f"{number}:{count + 1}")

    async def live(self, charger: str) -> dict[str, Any] | None:
        raw = await self.client.hget(self.names.of_charger(charger).live, charger)
        return None if raw is None else json.loads(raw)

    async def level(self, charger: str) -> object:
        live = await self.live(charger)
        return None if live is None else live.get("soc")

    async def entry(self, charger: str) -> dict[str, Any]:
        return await self.entry_in(self.names.of_charger(charger).directory, charger)

    async def entry_in(self, directory: str, device: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(await self.client.hget(directory, device))
        return found

    async def status(self, widget: str) -> str | None:
        raw = await self.client.hget(self.names.of_widget(widget).statuses, widget)
        return None if raw is None else str(json.loads(raw)["data"]["status"])

    async def pending(self, charger: str) -> bool:
        """Whether a charger's reading waits for a router."""
        score = await self.client.zscore(self.names.of_charger(charger).pending, charger)
        return score is not None

    async def rejection(self, device: str) -> dict[str, Any]:
        """What was last refused of a device; the ids of widgets begin with a w."""
        is_widget = device.startswith("w")
        names = self.names.of_widget(device) if is_widget else self.names.of_charger(device)
        return dict(json.loads(await self.client.hget(names.rejections, device) or "{}"))

    async def is_router_at_work(self, instance_id: str) -> bool:
        """Whether a router holds its share of the partitions and hears their doorbells."""
        if await self.client.zscore(ROUTERS, instance_id) is None:
            return False
        leases = await self.client.mget([names.lease for names in self.names.chargers])
        held = [
            names.readings
            for names, owner in zip(self.names.chargers, leases, strict=True)
            if owner == instance_id.encode()
        ]
        routers = await self.client.zcard(ROUTERS)
        if len(held) < len(leases) // routers:
            return False
        heard = await self.client.pubsub_numsub(*held)
        return all(count >= 1 for _, count in heard)

    async def until(self, condition: Callable[[], Awaitable[object]]) -> None:
        """Return once a condition holds; fails after `SOON`."""
        async with asyncio.timeout(SOON):
            while not await condition():  # noqa: ASYNC110 - Redis rings no bell for this
                await asyncio.sleep(0.01)
