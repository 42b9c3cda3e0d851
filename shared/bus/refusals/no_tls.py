"""Whether a Redis that should speak TLS speaks plain: it waits in silence for a whole command."""

import asyncio
import contextlib
from typing import Final

from shared.bus.refusals.refusal import Refusal

NO_TLS: Final = Refusal(
    "NO_TLS",
    "Redis does not answer with TLS, and CHARGELIGHT_REDIS_URL begins with rediss://",
    "Let it begin with redis://; or give Redis TLS (tls-port), and let the URL lead to that port",
    is_setting=True,
    ends_connection=True,
)

_SECONDS: Final = 0.3
"""Longer would delay the next attempt, where Redis is only out of reach."""


async def speaks_plain(host: str, port: int) -> bool:
    """Tell whether a Redis answers without TLS. It is sent no password."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"PING\r\n")
                # PONG or an error; TLS begins with neither.
                return await reader.read(1) in (b"+", b"-")
            finally:
                writer.transport.abort()
    return False
