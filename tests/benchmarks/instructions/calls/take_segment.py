"""All that a gateway does with a segment that holds one reading, until it would be stored."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from services.gateway.chargers.charger_connection import charger_endpoint
from services.gateway.connection.connection_context import ConnectionContext
from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.handshake import Handshake
from services.gateway.presence.rejections import Rejections
from services.gateway.settings import GatewaySettings
from tests.benchmarks.ingest.parsed import Nobody
from tests.fixtures.raw_frames import handshake, reading

_FRAME: Final = reading(70)
_WITHOUT_LIMIT: Final = 2**40
"""Bytes per second: it is called faster than any device may send."""


class _Unknowing:
    """A socket that does not know when it last heard something, nor what was not read."""

    def getsockopt(self, *_: int) -> bytes:
        raise OSError

    def fileno(self) -> int:
        return -1


class _Transport(asyncio.Transport):
    """Takes what is written, and throws it away."""

    protocol: asyncio.BaseProtocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: Any) -> None:
        pass

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return _Unknowing() if name == "socket" else default  # it has no TLS

    def is_closing(self) -> bool:
        return False


def ready() -> Callable[[], object]:
    return charger_of("c00001")


def charger_of(charger_id: str) -> Callable[[], object]:
    """Return what has a charger that is connected send a reading."""
    settings = GatewaySettings(bytes_per_second=_WITHOUT_LIMIT, burst_bytes=_WITHOUT_LIMIT)
    transport = _Transport()
    charger = Handshake(
        ConnectionContext(settings, call_soon=lambda call: call()),
        charger_endpoint(Nobody(), settings.partitions, Rejections()),
    )
    charger.connection_made(transport)
    head = handshake(f"/chargers/{charger_id}")
    charger.get_buffer(-1)[: len(head)] = head
    charger.buffer_updated(len(head))
    connection = transport.protocol
    assert isinstance(connection, DeviceConnection), "the gateway refused the handshake"
    size = len(_FRAME)
    connection.get_buffer(-1)[:size] = _FRAME
    return lambda: connection.buffer_updated(size)
