"""What there is of connections in this process, to find what is left of them."""

import gc

from services.gateway.connection.device_connection import DeviceConnection
from services.gateway.connection.handshake import Handshake
from services.gateway.connection.websocket_protocol import DeviceProtocol


def parts_of_connections() -> list[object]:
    """Return all that there is of connections in this process, other tests' too."""
    kinds = (Handshake, DeviceConnection, DeviceProtocol)
    return [one for one in gc.get_objects() if isinstance(one, kinds)]


def names_of_new(known: list[object]) -> list[str]:
    """Return the classes of parts of connections that are not known."""
    ids = {id(one) for one in known}
    return sorted(type(one).__name__ for one in parts_of_connections() if id(one) not in ids)
