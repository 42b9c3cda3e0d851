"""Settings that must be the same in all instances, compared through Redis at start.

With another partition count a process would send readings to partitions that no router
watches; with other thresholds under the same version two routers would light one widget
differently. Both are refused before serving.
"""

from collections.abc import Mapping

from shared.bus.bus import Bus
from shared.bus.refusals.refusal import Refusal, RefusedError
from shared.contract.names import AGREEMENTS


async def agree(bus: Bus, own: Mapping[str, str]) -> None:
    """Write settings that no instance has written yet; compare the others.

    Raises:
        RefusedError: Another instance is configured differently.
        BusUnavailableError: Redis is away.
    """
    await bus.commands([("HSETNX", AGREEMENTS, name, value) for name, value in own.items()])
    agreed = await bus.command("HMGET", AGREEMENTS, *own)
    for (name, value), other in zip(own.items(), agreed, strict=True):
        if other is not None and other != value.encode():
            running = other.decode(errors="replace")
            raise RefusedError(
                Refusal(
                    "AGREEMENT",
                    f"{name} is {value!r} here, but {running!r} in the running system",
                    f"Set it to the same everywhere; to change it, stop all instances and "
                    f"remove it: redis-cli HDEL {AGREEMENTS} '{name}'",
                    is_setting=True,
                )
            )
