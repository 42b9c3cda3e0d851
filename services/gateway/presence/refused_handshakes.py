"""Who could not connect: an operator sees it, although such a device has no connection.

A flood of handshakes costs nothing here: noting one costs a dictionary entry, and once a second
a few of them go to Redis in one script call.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from redis.exceptions import ResponseError

from services.gateway import metrics, scripts
from services.gateway.presence.writing import write_each_second
from shared.bus.bus import Bus, BusUnavailableError
from shared.bus.script import Argument, Call
from shared.contract.devices import Kind
from shared.contract.names import REFUSED
from shared.contract.presence import RefusalReason
from shared.process import logs
from shared.process.rate_limited_log import RateLimitedLog

_log = logs.get(__name__)

_MOST_AT_ONCE: Final = 50
"""Most items that a gateway writes in a second; others are dropped."""
MOST_KEPT: Final = 500
"""Most items in Redis, of all gateways."""


class _Noted(NamedTuple):
    times: int
    at: float


class RefusedHandshakes:
    """Refused handshakes that Redis does not have yet, by who and why.

    Args:
        clock: In seconds; it only moves forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._noted: dict[str, _Noted] = {}

    def note(self, kind: Kind, reason: RefusalReason, address: str, path: str) -> None:
        """Note a refusal on the port of a kind of devices.

        ``path`` is what was asked for, without what may be a secret; empty: nothing was.
        """
        if reason is RefusalReason.SHARED_ID:
            metrics.SHARED_IDS.inc()
        self._add(f"{kind} {reason} {address} {path}", _Noted(1, self.clock()))

    def take(self) -> dict[str, _Noted]:
        """Take all."""
        noted, self._noted = self._noted, {}
        return noted

    def put_back(self, noted: dict[str, _Noted]) -> None:
        """Keep what could not be written, as far as there is room."""
        for item, each in noted.items():
            self._add(item, each)

    def _add(self, item: str, noted: _Noted) -> None:
        known = self._noted.get(item)
        if known is not None:
            self._noted[item] = _Noted(known.times + noted.times, max(known.at, noted.at))
        elif len(self._noted) < _MOST_AT_ONCE:
            self._noted[item] = noted
        else:
            metrics.REFUSALS_DROPPED.inc(noted.times)


@dataclass(eq=False, repr=False)
class RefusedWriter:
    """Writes refused handshakes to Redis."""

    bus: Bus
    """One that no reading waits for."""
    refused: RefusedHandshakes
    instance_id: str
    rng: random.Random

    def __post_init__(self) -> None:
        self._failure_log = RateLimitedLog(_log, "refused handshakes cannot be written")

    async def write(self) -> None:
        """Write new ones about once a second, until cancelled."""
        await write_each_second(self.write_all, self.rng)

    async def write_all(self) -> None:
        """Write new ones now.

        Raises:
            BusUnavailableError: Redis is away; they are kept, and may be counted twice.
        """
        noted = self.refused.take()
        if not noted:
            return
        now = self.refused.clock()
        words: list[Argument] = [MOST_KEPT, self.instance_id]
        for item, (times, at) in noted.items():
            words += (item, times, round((now - at) * 1_000_000))
        try:
            (reply,) = await self.bus.run(
                [Call(scripts.RECORD_REFUSED, (REFUSED,), words)], return_errors=True
            )
        except BusUnavailableError:
            self.refused.put_back(noted)
            raise
        if isinstance(reply, ResponseError):
            # A key of another type, or a bug: no reason to stop a gateway.
            self._failure_log.log(reply)
