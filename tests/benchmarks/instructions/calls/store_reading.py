"""What a gateway does with a reading that it has taken, until it is stored, without Redis."""

from collections.abc import Callable, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.chargers.chargers import Chargers
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.directory_trust import DirectoryTrust
from services.gateway.presence.connected_devices import ConnectedDevices
from services.gateway.settings import GatewaySettings
from shared.bus.script import Call
from shared.contract.names import Names

_EPOCH = 1764000000000000


class _Bus:
    """A Redis that stores whatever it is asked to."""

    def on_reconnected(self, _: Callable[[], None]) -> None:
        pass

    def server_of(self, _: str) -> str:
        return "redis"

    async def run(self, calls: Sequence[Call]) -> list[list[bytes]]:
        return [[b"stored"] for _ in calls]


def connected() -> tuple[Chargers, ChargerConnection]:
    """Return a gateway's chargers, and one of them."""
    bus: Any = _Bus()
    names = Names(64)
    context = ConnectionContext(GatewaySettings())
    devices, trust = ConnectedDevices(), DirectoryTrust()
    chargers = Chargers(bus, names, context, devices=devices, trust=trust, rng=Random(1))
    connection: Any = SimpleNamespace(heard_at=0.0, alive_at=0.0)
    partition = names.of_charger("c00001").partition
    charger = ChargerConnection(connection, "c00001", partition, chargers)
    charger.epoch = _EPOCH
    return chargers, charger


def ready() -> Callable[[], object]:
    """Return what stores a reading, each time a newer one."""
    chargers, charger = connected()
    store = chargers._store

    def run() -> None:
        charger.sequence += 1
        chargers.on_reading(charger)
        try:
            # Without an event loop: its bus answers at once, so it never has to wait.
            store.store(store.take()).send(None)
        except StopIteration:
            if charger.stored_sequence != charger.sequence:
                raise RuntimeError("the reading was not stored") from None

    return run
