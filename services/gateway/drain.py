"""Closing all connections when a gateway stops: spread over time, the last readings stored."""

import asyncio
from collections.abc import Callable
from typing import Final

from services.gateway.chargers.chargers import Chargers
from services.gateway.connection.connection_context import ConnectionContext

_STORING_SECONDS: Final = 1.0
"""How long to wait for the last readings to be stored."""
_CLOSING_SECONDS: Final = 1.0
"""How long to wait for the last closing handshakes."""
_STEP_SECONDS: Final = 0.01


async def drain(context: ConnectionContext, chargers: Chargers, seconds: float) -> None:
    """Close all connections with 1001, a few at a time; refuse those at their handshake.

    Devices connect again at once. They must not all do so at one moment, to the gateways
    that are left. So the closes are spread over ``seconds``.
    """
    leaving = [*context.connections, *context.unopened]
    pause = seconds / max(len(leaving), 1)
    owed = 0.0
    for connection in leaving:
        connection.close_going_away()
        owed += pause
        if owed >= _STEP_SECONDS:
            await asyncio.sleep(owed)
            owed = 0.0
    await _wait(_STORING_SECONDS, lambda: chargers.all_stored)
    await _wait(_CLOSING_SECONDS, lambda: not (context.connections or context.unopened))
    for connection in (*context.connections, *context.unopened):
        connection.abort()


async def _wait(seconds: float, condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, or the time is over."""
    for _ in range(round(seconds / _STEP_SECONDS)):
        if condition():
            return
        await asyncio.sleep(_STEP_SECONDS)
