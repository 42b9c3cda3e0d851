"""All that a gateway does with a segment that holds one reading, until it would be stored."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from services.gateway.chargers.charger_connection import ChargerConnection
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.timer_wheel import TimerWheel
from services.gateway.settings import GatewaySettings
from tests.benchmarks.ingest.parsed import Nobody
from tests.fixtures.raw_frames import handshake, reading

_FRAME: Final = reading(70)
_WITHOUT_LIMIT: Final = 2**40
"""Bytes per second: it is called faster than any device may send."""


class _Unknowing:
    """A socket that does not know when it last heard something."""

    def getsockopt(self, *_: int) -> bytes:
        raise OSError


class _Transport(asyncio.Transport):
    """Takes what is written, and throws it away."""

    def write(self, data: Any) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - it asks for the socket
        return _Unknowing()

    def is_closing(self) -> bool:
        return False


def ready() -> Callable[[], object]:
    """Return what takes it, on a connection whose handshake is done."""
    settings = GatewaySettings(bytes_per_second=_WITHOUT_LIMIT, burst_bytes=_WITHOUT_LIMIT)
    gate = ConnectionContext(settings, TimerWheel(time.monotonic), time.monotonic)
    charger = ChargerConnection(gate, Nobody(), settings.partitions)
    charger.connection_made(_Transport())
    charger.data_received(handshake("/chargers/c00001"))
    if not charger.is_open:
        raise RuntimeError("the gateway refused the handshake")
    return lambda: charger.data_received(_FRAME)
