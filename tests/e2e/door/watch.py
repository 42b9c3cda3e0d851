"""A hub with a door to attack, and what those notice who are honest."""

import asyncio
import contextlib
import itertools
import random
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from tests.e2e.crowd import Helper, Probes, helper, register
from tests.e2e.door.attacker import CUT_OFF, Socket
from tests.e2e.door.attacks import ATTACKS, HONEST, Attack, Port, authorization
from tests.fixtures.certificates import Ca
from tests.fixtures.hub import HOST, Gateway, Hub
from tests.fixtures.processes import ServiceProcess
from tests.fixtures.raw_frames import handshake

_SECRET: Final = "the-secret-of-an-honest-device"
_BOOTSTRAP_KEY: Final = "the key that makes the first admin's key"
SETTINGS: Final = {
    "CHARGELIGHT_DEVICE_AUTH": "optional",
    "CHARGELIGHT_CREDENTIAL_KEY": "0123456789abcdef" * 2,
    "CHARGELIGHT_REGISTRY_OPERATOR_AUTH": "required",
    "CHARGELIGHT_REGISTRY_ADMIN_KEY": _BOOTSTRAP_KEY,
    "CHARGELIGHT_GATEWAY_WITHOUT_BALANCER": "true",
    # So few that one process can take them all.
    "CHARGELIGHT_GATEWAY_MAX_CONNECTIONS": "500",
}
"""Of a hub to attack."""


@dataclass
class Noticed:
    """What was noticed for a while, in seconds.

    Attributes:
        connects: How long honest devices needed to get in, with all their attempts.
        answers: How long REST needed to answer an operator.
        lights: How long readings of connected devices took to their widget.
    """

    connects: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    lights: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Door:
    """A hub with two gateways, one of them with TLS, and devices that are connected to both."""

    hub: Hub
    plain: Gateway
    secured: Gateway
    tls: ssl.SSLContext
    attacker: Helper
    probes: dict[bool, Probes] = field(default_factory=dict)
    """By whether they have TLS."""

    def port(self, attack: Attack) -> int:
        """Return the number of the port that is attacked."""
        return {
            Port.CHARGERS: self.plain.charger_port,
            Port.WIDGETS: self.plain.widget_port,
            Port.TLS: self.secured.charger_port,
            Port.REST: self.hub.registries[0].port,
        }[attack.port]

    def attacked(self, attack: Attack) -> ServiceProcess:
        """Return the process that is attacked."""
        if attack.port is Port.REST:
            return self.hub.registries[0].process
        return (self.secured if attack.port is Port.TLS else self.plain).process

    async def begin(self, name: str) -> None:
        """Attack; return when all sockets of the attacker have been tried once."""
        self.attacker.go(f"{name} {self.port(ATTACKS[name])}")
        await self.attacker.told()

    async def begin_to_spin(self, share: float) -> None:
        """Let the attacker's process only use a share of a processor."""
        self.attacker.go(f"spin {share:.2f}")
        await self.attacker.told()

    async def end(self) -> dict[str, Any]:
        """End an attack; return what the attacker tells of it."""
        self.attacker.go("stop")
        return await self.attacker.told()

    async def connect(self, charger: str, *, with_tls: bool) -> float:
        """Connect an honest charger; return after how many seconds it is in."""
        began = time.perf_counter()
        request = handshake(f"/chargers/{charger}", authorization(_SECRET, charger))
        while await self._answer(request, with_tls=with_tls) != 101:  # noqa: ASYNC110 - asked of another process
            await asyncio.sleep(random.uniform(0, 0.2))
        return time.perf_counter() - began

    async def _answer(self, request: bytes, *, with_tls: bool) -> int:
        socket, tls = Socket(request), self.tls if with_tls else None
        port = (self.secured if with_tls else self.plain).charger_port
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().create_connection(
                lambda: socket, HOST, port, ssl=tls, server_hostname="localhost" if tls else None
            )
            await socket.answered
            socket.transport.abort()
        return socket.answered.result() if socket.answered.done() else CUT_OFF

    async def ask_rest(self) -> float:
        """Return after how many seconds REST answers, on a new connection."""
        began = time.perf_counter()
        url, headers = f"{self.hub.registry_url}/chargers/{HONEST[0]}", self.hub.client.headers
        async with httpx.AsyncClient(verify=self.tls, trust_env=False, timeout=60) as client:
            (await client.get(url, headers=headers)).raise_for_status()
        return time.perf_counter() - began

    async def look_on(self, attack: Attack, seconds: float) -> Noticed:
        """Notice what honest devices, an operator and connected devices do, where it attacks."""
        noticed, ends_at = Noticed(), time.monotonic() + seconds
        with_tls = attack.port is Port.TLS
        probes = self.probes[with_tls]
        probes.take()
        for charger in itertools.cycle(HONEST):
            noticed.connects.append(await self.connect(charger, with_tls=with_tls))
            noticed.answers.append(await self.ask_rest())
            await asyncio.sleep(0.3)
            if time.monotonic() >= ends_at:
                break
        noticed.lights = probes.take()
        return noticed


@contextlib.asynccontextmanager
async def open_door(hub: Hub, folder: Path, pairs: int) -> AsyncIterator[Door]:
    """Complete a hub that has a registry, with so many pairs that are connected to each gateway."""
    ca = Ca(folder)
    own = ca.server("localhost", HOST)
    tls = {
        "CHARGELIGHT_GATEWAY_TLS_CERTIFICATE": own.certificate,
        "CHARGELIGHT_GATEWAY_TLS_KEY": own.key,
    }
    hub.start_router()
    plain, secured = hub.start_gateway(), hub.start_gateway(tls)
    await hub.ready()
    await _register(hub, len(HONEST) + 2 * pairs)
    async with helper(module="tests.e2e.door.attacker", nice=0) as attacker:
        door = Door(hub, plain, secured, ca.client(), attacker)
        door.probes[False] = Probes(plain)
        door.probes[True] = Probes(secured, door.tls)
        first = len(HONEST)
        for probes in door.probes.values():
            await probes.start(first, pairs)
            first += pairs
        yield door
        for probes in door.probes.values():
            await probes.stop()


async def _register(hub: Hub, pairs: int) -> None:
    """Register all devices, as an admin; the honest ones have a secret."""
    hub.client.headers["Authorization"] = f"Bearer {await hub.admin_key(_BOOTSTRAP_KEY)}"
    await register(hub, pairs)
    for device in HONEST:
        url = f"{hub.registry_url}/chargers/{device}/secret"
        (await hub.client.put(url, json={"secret": _SECRET})).raise_for_status()
