"""Settings that must be the same in all instances, compared through Redis at start.

With another partition count a process would send readings to partitions that no router
watches; with other thresholds under the same version two routers would light one widget
differently. Both are refused before serving.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shared.bus.bus import Bus
from shared.bus.refusals.refusal import Refusal, RefusedError
from shared.contract.names import AGREEMENTS

_VERSIONED: Final = re.compile(r"\S+ of version \d+")
"""A setting that may change while the system runs, under a version of its own."""


@dataclass(frozen=True, slots=True)
class Successor:
    """A value that takes the place of another one, while instances run with either."""

    value: str
    former: str
    takes_over: bool
    """Whether this instance makes the new value the agreed one."""

    def __str__(self) -> str:
        """Return what it writes where nothing is agreed yet."""
        return self.value if self.takes_over else self.former


Agreement = Mapping[str, str | Successor]


async def agree(bus: Bus, own: Agreement) -> None:
    """Write settings that no instance has written yet; compare the others.

    Raises:
        RefusedError: Another instance is configured differently.
        BusUnavailableError: Redis is away.
    """
    await bus.commands([("HSETNX", AGREEMENTS, name, str(value)) for name, value in own.items()])
    agreed = await bus.command("HMGET", AGREEMENTS, *own)
    for (name, value), other in zip(own.items(), agreed, strict=True):
        running = "" if other is None else other.decode(errors="replace")
        if isinstance(value, Successor) and running in (value.value, value.former):
            if value.takes_over and running == value.former:
                # Not HSET: each command has one place in the rules of rights, see `Rights`.
                await bus.commands(
                    [("HDEL", AGREEMENTS, name), ("HSETNX", AGREEMENTS, name, value.value)]
                )
        elif other is not None and running != str(value):
            raise RefusedError(
                Refusal(
                    "AGREEMENT",
                    f"{name} is {str(value)!r} here, but {running!r} in the running system",
                    _remedy(name),
                    is_setting=True,
                )
            )


def _remedy(name: str) -> str:
    if _VERSIONED.fullmatch(name):
        setting = name.partition(" ")[0]
        return f"Set it to the same everywhere; to change it, raise {setting}_VERSION by one"
    return (
        "Set it to the same everywhere; to change it, stop all instances and remove it: "
        f"redis-cli HDEL {AGREEMENTS} '{name}'"
    )
