"""A gateway on a network of its own, whose packets to Redis vanish without a trace.

Linux network namespaces (ip-netns(8)): on the cable between the gateway and Redis both ends can
address their packets to a station that is not there. They are sent, and lost, and both ends
keep their link. Nothing of the machine's own network is touched.
"""

import asyncio
import os
import random
import secrets
import shutil
import subprocess
import sys
from functools import partial
from typing import Final

from shared.process.settings import OPEN
from tests.faults.booth import Booth
from tests.fixtures.fault_proxy import HOST, Address, FaultProxy
from tests.fixtures.hub import Gateway
from tools.servers.credentials import SERVICES

_KEPT: Final = "gateway in a namespace"
_NOBODY: Final = "02:00:00:00:00:fe"
"""A hardware address that no station has."""


def unavailable_because() -> str | None:
    """Return why there can be no network namespace here, or None."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "network namespaces need Linux and root"
    if shutil.which("ip") is None:
        return "network namespaces need the program ip (iproute2)"
    name = f"cl-{secrets.token_hex(4)}"
    tried = subprocess.run(
        ["ip", "netns", "add", name], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        return f"network namespaces are not allowed here: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=False)
    return None


async def drop_packets(booth: Booth) -> None:
    """Lose every packet between a gateway and Redis for a while; devices still reach it."""
    if _KEPT not in booth.kept:
        booth.kept[_KEPT] = await _begin(booth)
    network: _Network = booth.kept[_KEPT]
    async with booth.fault("packets dropped"):
        network.lose_packets()
        await asyncio.sleep(booth.seconds(10))
        network.heal()


class _Network:
    """A namespace with two networks: one for devices, one for Redis."""

    def __init__(self) -> None:
        number = random.SystemRandom().randrange(1, 250)
        self.name = f"cl-{secrets.token_hex(3)}"
        tag = self.name[-6:]
        self.devices_here, self.devices_there = f"10.231.{number}.1", f"10.231.{number}.2"
        self.redis_here, self._redis_there = f"10.232.{number}.1", f"10.232.{number}.2"
        self._to_devices, self._to_redis = f"dh{tag}", f"rh{tag}"
        _ip(f"netns add {self.name}")
        _ip(f"-n {self.name} link set lo up")
        self._lay(self._to_devices, "eth0", self.devices_here, self.devices_there)
        self._lay(self._to_redis, "eth1", self.redis_here, self._redis_there)

    def _lay(self, here: str, there: str, our_address: str, their_address: str) -> None:
        _ip(f"link add {here} type veth peer name {there} netns {self.name}")
        _ip(f"addr add {our_address}/30 dev {here}")
        _ip(f"link set {here} up")
        _ip(f"-n {self.name} addr add {their_address}/30 dev {there}")
        _ip(f"-n {self.name} link set {there} up")

    def lose_packets(self) -> None:
        """Lose every packet to and from Redis from now on, without a sign."""
        nobody = f"lladdr {_NOBODY} nud permanent"
        _ip(f"-n {self.name} neigh replace {self.redis_here} {nobody} dev eth1")
        _ip(f"neigh replace {self._redis_there} {nobody} dev {self._to_redis}")

    def heal(self) -> None:
        _ip(f"-n {self.name} neigh delete {self.redis_here} dev eth1")
        _ip(f"neigh delete {self._redis_there} dev {self._to_redis}")

    def close(self) -> None:
        """Remove it; the cables into the namespace go with it."""
        for link in (self._to_devices, self._to_redis):
            _ip(f"link delete {link}")
        _ip(f"netns delete {self.name}")


def _ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True)


async def _begin(booth: Booth) -> _Network:
    """Start one more gateway, in a namespace, and let devices have it."""
    network = _Network()
    booth.closing.callback(network.close)
    cable = FaultProxy(lambda: [booth.redis_address], network.redis_here)
    await cable.listen()
    name = f"gateway-{len(booth.hub.gateways) + 1}"
    booth.cables[name] = cable
    gateway = booth.hub.start_gateway(
        {
            "CHARGELIGHT_REDIS_URL": f"redis://{SERVICES.at(network.redis_here)}:{cable.port}/0",
            "CHARGELIGHT_GATEWAY_HOST": network.devices_there,
            "CHARGELIGHT_OPEN": OPEN,
            **booth.clock(name),
        },
        prefix=["ip", "netns", "exec", network.name],
    )
    booth.closing.callback(gateway.process.kill)
    await _reachable(booth, gateway, network)
    await gateway.process.ready()
    booth.balance(gateway)
    await booth.give_devices(gateway)
    return network


async def _reachable(booth: Booth, gateway: Gateway, network: _Network) -> None:
    """Have its ports reached on this machine's own address, as all gateways' are."""
    for port in (gateway.charger_port, gateway.widget_port, gateway.health_port):
        there = [(network.devices_there, port)]
        forward = FaultProxy(partial(list[Address], there), HOST, port)
        await forward.listen()
        booth.closing.callback(forward.close)
