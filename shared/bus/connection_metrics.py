"""What is measured of a connection to Redis, by what it is for."""

from collections.abc import Callable
from typing import Final

from prometheus_client import Counter, Gauge

from shared.process.metrics import bounds
from shared.process.metrics.fast_histogram import FastHistogram

MAIN: Final = "main"
"""The purpose of the connection that lights wait for."""

_connected = Gauge(
    "chargelight_redis_connected",
    "Whether a connection to Redis works, or was not needed yet: 1 or 0.",
    ["connection"],
)
_losses = Counter("chargelight_redis_losses", "Connections to Redis that broke.", ["connection"])
EXCHANGE: Final = FastHistogram(
    "chargelight_redis_exchange_seconds",
    "From sending commands to Redis until the last reply, or until it was given up.",
    bounds.EXCHANGE,
    "connection",
)


class ConnectionMetrics:
    """The metrics of one connection; in a cluster of those to all servers together.

    Attributes:
        on_exchanged: Takes how many seconds an exchange took.
        on_lost: To be called when a connection breaks that was open.
    """

    def __init__(self, purpose: str) -> None:
        self.on_exchanged: Final = EXCHANGE.of(purpose).observe
        self.on_lost: Final = _losses.labels(purpose).inc
        self._purpose = purpose

    def follow(self, is_connected: Callable[[], bool]) -> None:
        """Show from now on what ``is_connected`` returns, which is called for each scrape."""
        _connected.labels(self._purpose).set_function(lambda: float(is_connected()))


def connection_name(instance_id: str, purpose: str) -> str:
    """Return the name of a connection, as ``CLIENT LIST`` shows it."""
    return instance_id if purpose == MAIN else f"{instance_id}-{purpose}"
